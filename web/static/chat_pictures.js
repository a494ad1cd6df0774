// Pictures are made smaller in the browser where it can read them, and sent as they are where
// it cannot (HEIC outside Safari): the server reads those.
(function () {
  "use strict";

  const QUALITY = 0.85;

  async function shrink(file, side) {
    const source = URL.createObjectURL(file);
    try {
      const picture = await load(source);
      const scale = Math.min(1, side / Math.max(picture.naturalWidth, picture.naturalHeight));
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(picture.naturalWidth * scale));
      canvas.height = Math.max(1, Math.round(picture.naturalHeight * scale));
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      return await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    } catch (error) {
      return null;
    } finally {
      URL.revokeObjectURL(source);
    }
  }

  function load(source) {
    return new Promise((done, fail) => {
      const picture = new Image();
      picture.onload = () => done(picture);
      picture.onerror = fail;
      picture.src = source;
    });
  }

  function base64(blob) {
    return new Promise((done, fail) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
      reader.onerror = fail;
      reader.readAsDataURL(blob);
    });
  }

  window.renrakumo = Object.assign(window.renrakumo || {}, { shrink, base64 });
})();
