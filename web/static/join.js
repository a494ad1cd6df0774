/* Takes the code out of the fragment, which no server is sent, and hands it in as a form's body. */
(() => {
  "use strict";

  const form = document.getElementById("join");
  const found = /^#([0-9A-Z-]{12,19})$/.exec(location.hash);
  if (!found) return;
  // Otherwise the code would stay in the browser's history.
  history.replaceState(null, "", location.pathname);
  form.elements.code.value = found[1];
  form.submit();
})();
