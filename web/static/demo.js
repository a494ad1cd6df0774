// The demo's page: tabs on a small screen, suggested lines, the inbox and the counters.
(function () {
  "use strict";

  const EVERY = 1500;
  const MAILS_KEPT = 60;
  const find = (id) => document.getElementById(id);
  const tabs = Array.from(document.querySelectorAll("[role=tab]"));
  let lastMail = 0;

  function make(name, classes, text) {
    const element = document.createElement(name);
    if (classes) element.className = classes;
    if (text) element.textContent = text;
    return element;
  }

  // Where there is no room for three phones, one is shown, with the steps that belong to it.
  function choose(tab) {
    tabs.forEach((other) => {
      other.setAttribute("aria-selected", String(other === tab));
      other.tabIndex = other === tab ? 0 : -1;
    });
    document.querySelectorAll(".stage > section, .steps > li").forEach((part) => {
      part.classList.toggle("chosen", part.dataset.phone === tab.dataset.phone);
    });
  }

  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      choose(next);
      next.focus();
    });
  });

  document.querySelectorAll("[data-line]").forEach((button) => {
    button.addEventListener("click", () => {
      const side = find("phone-" + button.dataset.to);
      const phone = side.querySelector("iframe");
      phone.contentWindow.postMessage({ say: button.dataset.line }, location.origin);
      side.scrollIntoView({ block: "nearest", behavior: "smooth" });
      side.classList.add("told");
      setTimeout(() => side.classList.remove("told"), 800);
    });
  });

  function drawMail(mail, section) {
    const details = make("details", "mail");
    const summary = make("summary");
    summary.append(make("span", "subject", mail.subject), make("span", "aside", mail.date));
    summary.append(make("span", "to aside", mail.to));
    details.append(summary, make("p", "written", mail.text));
    mail.pictures.forEach((source) => {
      const image = make("img");
      image.alt = section.dataset.picture;
      image.src = source;
      details.append(image);
    });
    return details;
  }

  async function askInbox(section) {
    const answer = await fetch(section.dataset.url + "?after=" + lastMail);
    const news = await answer.json();
    if (!news.mails.length) return;
    const list = find("mails");
    if (!lastMail) list.textContent = "";
    lastMail = news.last;
    news.mails.forEach((mail) => list.prepend(drawMail(mail, section)));
    while (list.children.length > MAILS_KEPT) list.lastElementChild.remove();
    const count = find("mail-count");
    count.textContent = section.dataset.count.replace("{count}", lastMail.toLocaleString());
    count.hidden = false;
  }

  function drawChannel(channel, words) {
    const meter = make("div", "meter");
    const name = make("p", "name");
    name.append(make("span", "", channel.words.ja + " " + channel.words.en));
    const parts = channel.accepted.toLocaleString() + " / " + channel.recipients.toLocaleString();
    name.append(make("span", "", parts));
    const bar = make("progress");
    bar.max = channel.recipients || 1;
    bar.value = channel.accepted + channel.refused + channel.unknown;
    bar.setAttribute("aria-label", channel.words.ja);
    const rest = ["accepted", "waiting", "refused", "unknown"]
      .filter((state) => channel[state])
      .map((state) => words[state] + " " + channel[state].toLocaleString());
    meter.append(name, bar, make("p", "aside", rest.join("　")));
    return meter;
  }

  // The words come in two languages, so the place stands in them twice.
  function filled(text, families) {
    return text.split("{families}").join(families.toLocaleString());
  }

  async function askProgress(section) {
    const answer = await fetch(section.dataset.url);
    const last = await answer.json();
    if (!last) return;
    const words = JSON.parse(section.dataset.words);
    const now = find("progress-now");
    const form = JSON.stringify(last);
    if (now.dataset.form === form) return;
    now.dataset.form = form;
    now.textContent = "";
    const state = make("p", "badges");
    state.append(make("span", "badge " + (last.finished ? "" : "event"), last.finished ? words.finished : words.going));
    state.append(make("span", "aside", last.school));
    const families = filled(words.families, last.families);
    const missed = filled(words.not_reached, last.not_reached);
    now.append(state, make("h3", "", last.subject), make("p", "aside", families + "　" + missed));
    last.channels.forEach((channel) => now.append(drawChannel(channel, words)));
  }

  async function ask() {
    if (!document.hidden) {
      try {
        if (find("inbox")) await askInbox(find("inbox"));
        if (find("progress")) await askProgress(find("progress"));
      } catch (error) {
        // The demo was stopped or is starting again: ask once more in a moment.
      }
    }
    setTimeout(ask, EVERY);
  }

  if (tabs.length) choose(tabs[0]);
  ask();
})();
