// The demo's page: tabs on a small screen, the phones' apps, suggested lines, the inbox, counters.
(function () {
  "use strict";

  const EVERY = 1500;
  const MAILS_KEPT = 60;
  const { make, drawMail } = window.renrakumo;
  const find = (id) => document.getElementById(id);
  const tabs = Array.from(document.querySelectorAll("[role=tab]"));
  let lastMail = 0;

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

  // The app that a phone shows.

  function show(phone, choice) {
    choice.checked = true;
    // Not by `src`, which would fill the browser's history.
    phone.contentWindow.location.replace(choice.dataset.address);
  }

  document.querySelectorAll(".looks input").forEach((choice) => {
    const phone = choice.closest("section").querySelector("iframe");
    choice.addEventListener("change", () => show(phone, choice));
  });

  function tell(side, line) {
    const phone = side.querySelector("iframe");
    const say = () => phone.contentWindow.postMessage({ say: line }, location.origin);
    // Nothing is written in a mailbox: back to the app in which the story plays.
    if (side.querySelector(".looks input[value=email]:checked")) {
      phone.addEventListener("load", say, { once: true });
      show(phone, side.querySelector(".looks [data-first]"));
    } else {
      say();
    }
  }

  document.querySelectorAll("[data-line]").forEach((button) => {
    button.addEventListener("click", () => {
      const side = find("phone-" + button.dataset.to);
      tell(side, button.dataset.line);
      side.scrollIntoView({ block: "nearest", behavior: "smooth" });
      side.classList.add("told");
      setTimeout(() => side.classList.remove("told"), 800);
    });
  });

  async function askInbox(section) {
    const answer = await fetch(section.dataset.url + "?after=" + lastMail);
    const news = await answer.json();
    if (!news.mails.length) return;
    const list = find("mails");
    if (!lastMail) list.textContent = "";
    lastMail = news.last;
    news.mails.forEach((mail) => list.prepend(drawMail(mail, section.dataset.picture)));
    while (list.children.length > MAILS_KEPT) list.lastElementChild.remove();
    const count = find("mail-count");
    count.textContent = section.dataset.count.replace("{count}", lastMail.toLocaleString());
    count.hidden = false;
  }

  function drawChannel(channel, words) {
    const meter = make("div", "meter");
    const name = make("p", "name");
    const names = new Set([channel.words.ja, channel.words.en]);
    name.append(make("span", "", Array.from(names).join(" ")));
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
