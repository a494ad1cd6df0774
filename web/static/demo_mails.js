// Mails as the demo's mail server received them, on the demo's page and in a phone's mailbox.
(function () {
  "use strict";

  const EVERY = 2000;
  const { make, written } = window.renrakumo;

  function drawMail(mail, alt) {
    const details = make("details", "mail");
    const summary = make("summary");
    summary.append(make("span", "subject", mail.subject), make("span", "aside", mail.date));
    summary.append(make("span", "to aside", mail.to));
    details.append(summary, written(mail.text));
    mail.pictures.forEach((source) => {
      const image = make("img");
      image.alt = alt;
      image.src = source;
      details.append(image);
    });
    return details;
  }

  // A phone's mailbox: new mails are put on top, and what is open stays open.
  function keepUp(box) {
    const known = new Set();
    let tag = "";

    async function fetchNew() {
      const headers = tag ? { "If-None-Match": tag } : {};
      const answer = await fetch(box.dataset.base + "messages", { cache: "no-store", headers });
      if (answer.status !== 200) return;
      tag = answer.headers.get("ETag");
      const mails = (await answer.json()).messages;
      if (mails.length && !known.size) box.textContent = "";
      mails.filter((mail) => !known.has(mail.sequence)).reverse().forEach((mail) => {
        known.add(mail.sequence);
        box.prepend(drawMail(mail, box.dataset.picture));
      });
    }

    async function ask() {
      try {
        if (!document.hidden) await fetchNew();
      } catch (error) {
        // The demo was stopped or is starting again: ask once more in a moment.
      }
      setTimeout(ask, EVERY);
    }

    ask();
  }

  Object.assign(window.renrakumo, { drawMail });
  const box = document.getElementById("mailbox");
  if (box) keepUp(box);
})();
