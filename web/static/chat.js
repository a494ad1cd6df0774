// The chat page. What we say goes out by POST and is kept in this browser only; what is said to
// us is fetched while the page is visible. No library, and nothing a phone of 2018 cannot do.
(function () {
  "use strict";

  const { bubbles, shrink, base64 } = window.renrakumo;
  const find = (id) => document.getElementById(id);
  const page = find("chat");
  const log = find("log");
  const box = find("text");
  const base = page.dataset.base;
  const words = JSON.parse(page.dataset.words);
  // In the demo a phone may look like another app. There the server knows what we said, too.
  const look = page.dataset.look;
  const draw = bubbles(words, { tap, again, begin });

  const KEPT = 200;
  const EAGER = 500;
  const STEADY = 2000;
  const LAZY = 15000;
  const STEADY_POLLS = 30;
  const PATIENCE = 30000;
  const NEAR = 80;
  const PHOTO_SIDE = 2048;
  const THUMB_SIDE = 320;
  const PHOTO_BYTES = 11000000;
  const CODE = /^#join=([0-9A-Z-]{12,19})$/;

  const shelf = "renrakumo " + base;
  const drawn = new Map();
  const photos = new Map();
  const unreported = new Set();
  let own = recall();
  let entries = [];
  let code = (CODE.exec(location.hash) || [])[1];
  let tag = "";
  let timer = 0;
  let asking = false;
  let quietPolls = 0;
  let failures = 0;
  let awaitedSince = 0;
  let opened = false;
  let outgoing = Promise.resolve();

  // What we said.

  function recall() {
    if (look) return [];
    try {
      const lines = JSON.parse(localStorage.getItem(shelf)) || [];
      // A line cut short by closing the page may have arrived; its ID makes a second try safe.
      lines.filter((line) => line.state === "sending").forEach((line) => { line.state = "failed"; });
      return lines;
    } catch (error) {
      return [];
    }
  }

  function keep() {
    own = own.slice(-KEPT);
    if (look) return;
    try {
      localStorage.setItem(shelf, JSON.stringify(own));
    } catch (error) {
      // A browser that stores nothing still talks; only a reload forgets our own lines.
    }
  }

  function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  function say(text) {
    speak({ id: newId(), text, content: { text } });
  }

  function tap(button, choice) {
    if (button.getAttribute("aria-disabled")) return;
    // A second tap of the same finger is no second answer.
    button.setAttribute("aria-disabled", "true");
    setTimeout(() => button.removeAttribute("aria-disabled"), 1500);
    const content = look ? { token: choice.token, label: choice.label } : { token: choice.token };
    // Telegram shows nothing of a press, the other apps what stood on the button.
    speak({ id: newId(), text: choice.label, content, silent: look === "telegram" });
    if (matchMedia("(pointer: fine)").matches) box.focus();
  }

  function begin() {
    const text = code;
    code = undefined;
    history.replaceState(null, "", base);
    say(text);
  }

  function speak(line) {
    // The server's clock orders the log; until it answers, a new line stands at the end.
    const newest = sequence().reduce((most, entry) => Math.max(most, entry.at || 0), 0);
    own.push(Object.assign(line, { at: newest + 1, time: "", day: "" }));
    send(line);
    log.scrollTop = log.scrollHeight;
  }

  function again(id) {
    send(own.find((line) => line.id === id));
  }

  function send(line) {
    line.state = "sending";
    keep();
    show();
    // One after the other, so that what was said first arrives first.
    outgoing = outgoing.then(() => post(line)).catch(() => fail(line, words.offline));
    outgoing.then(() => { keep(); show(); plan(); });
  }

  async function post(line) {
    const content = line.content || { picture: await base64(photos.get(line.id)) };
    const answer = await call("say", Object.assign({ id: line.id }, content));
    if (!answer.ok) {
      fail(line, (await answer.json()).problem);
      return;
    }
    Object.assign(line, await answer.json(), { state: "sent" });
    delete line.content;
    photos.delete(line.id);
    awaitedSince = Date.now();
    quietPolls = 0;
    complain("");
  }

  function fail(line, problem) {
    line.state = "failed";
    complain(problem);
  }

  function call(name, body) {
    return fetch(base + name, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-Renrakumo": "chat" },
      body: JSON.stringify(body),
    });
  }

  function complain(problem) {
    const trouble = find("trouble");
    trouble.textContent = problem;
    trouble.hidden = !problem;
  }

  async function attach(file) {
    const large = await shrink(file, PHOTO_SIDE);
    const small = await shrink(file, THUMB_SIDE);
    if (!large && file.size > PHOTO_BYTES) {
      complain(words.too_large);
      return;
    }
    const id = newId();
    photos.set(id, large || file);
    const thumb = small ? "data:image/jpeg;base64," + (await base64(small)) : "";
    speak({ id, text: words.photo, thumb });
  }

  // The log.

  function sequence() {
    const mine = own.filter((line) => !line.silent || line.state === "failed").map((line) => ({
      id: line.id, kind: "own", at: line.at, day: line.day, time: line.time, text: line.text,
      thumb: line.thumb, state: line.state,
      again: line.state === "failed" && Boolean(line.content || photos.has(line.id)),
    }));
    const list = [];
    let day = "";
    entries.concat(mine).sort((a, b) => a.at - b.at).forEach((entry) => {
      if (entry.day && entry.day !== day) {
        day = entry.day;
        list.push({ id: "day " + day, kind: "day", text: day });
      }
      list.push(entry);
    });
    if (code) list.push({ id: "starter", kind: "starter", code });
    if (awaitedSince) list.push({ id: "dots", kind: "dots" });
    return list;
  }

  function show() {
    const nearEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
    const list = sequence();
    const wanted = new Set(list.map((entry) => entry.id));
    drawn.forEach((known, id) => {
      if (wanted.has(id)) return;
      known.element.remove();
      drawn.delete(id);
    });
    let before = log.querySelector("[data-fixed]");
    let first = null;
    list.forEach((entry) => {
      const isNew = !drawn.has(entry.id);
      const element = drawOne(entry);
      if (element.previousElementSibling !== before) before.after(element);
      if (isNew) first = first || element;
      before = element;
    });
    closeQuestions(list);
    if (first && opened) arrive(first, nearEnd);
  }

  function drawOne(entry) {
    const form = JSON.stringify(Object.assign({}, entry, { fresh: false }));
    const known = drawn.get(entry.id);
    if (known && known.form === form) return known.element;
    const element = draw[entry.kind](entry);
    if (known) known.element.replaceWith(element);
    drawn.set(entry.id, { element, form });
    if (entry.fresh) watch(element, entry.id);
    return element;
  }

  function open() {
    opened = true;
    log.setAttribute("aria-live", "polite");
    const fresh = log.querySelector("[data-fresh]");
    log.scrollTop = fresh && !code ? fresh.offsetTop - 12 : log.scrollHeight;
  }

  function arrive(first, nearEnd) {
    // A long message is read from its beginning, so its top must not scroll away.
    if (nearEnd) log.scrollTop = Math.min(log.scrollHeight, first.offsetTop - 12);
    find("newer").hidden = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
  }

  function closeQuestions(list) {
    // Once we said something else an earlier question is closed; cards stay open. This is a
    // courtesy only: the server decides what a token still means.
    let open = true;
    list.slice().reverse().forEach((entry) => {
      if (entry.kind === "own" && entry.state !== "failed") open = false;
      if (entry.kind !== "reply") return;
      drawn.get(entry.id).element.querySelectorAll("[data-choice=question]").forEach((button) => {
        button.disabled = !open;
      });
      if (look === "line") open = false;
    });
  }

  // Fetching.

  function pace() {
    if (failures) return Math.min(LAZY, STEADY * Math.pow(2, failures - 1));
    if (awaitedSince) return EAGER;
    return Math.min(LAZY, STEADY * Math.pow(1.2, Math.max(0, quietPolls - STEADY_POLLS)));
  }

  function plan() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(ask, pace());
  }

  async function ask() {
    if (asking) return;
    asking = true;
    try {
      await fetchNew();
      if (failures) complain("");
      failures = 0;
    } catch (error) {
      failures += 1;
      if (failures > 1) complain(words.offline);
    }
    asking = false;
    if (awaitedSince && Date.now() - awaitedSince > PATIENCE) awaitedSince = 0;
    show();
    if (!opened) open();
    plan();
  }

  async function fetchNew() {
    const headers = tag ? { "If-None-Match": tag } : {};
    const arrived = own.filter((line) => look && line.state === "sent");
    const answer = await fetch(base + "messages", {
      credentials: "same-origin", cache: "no-store", headers,
    });
    quietPolls += 1;
    if (!answer.ok && answer.status !== 304) throw new Error(String(answer.status));
    own = own.filter((line) => !arrived.includes(line));
    if (answer.status === 304) return;
    const known = entries.length ? entries[entries.length - 1].id : "";
    entries = (await answer.json()).messages;
    tag = answer.headers.get("ETag");
    quietPolls = 0;
    const newest = entries[entries.length - 1];
    if (newest && newest.id !== known && newest.kind === "reply") awaitedSince = 0;
  }

  // Telling the server what was displayed.

  const watcher = "IntersectionObserver" in window && new IntersectionObserver((sightings) => {
    sightings.filter((sighting) => sighting.isIntersecting).forEach((sighting) => {
      watcher.unobserve(sighting.target);
      report(sighting.target.dataset.fresh);
    });
  });

  function watch(element, id) {
    element.dataset.fresh = id;
    if (watcher) watcher.observe(element);
    else report(id);
  }

  function report(id) {
    if (!unreported.size) setTimeout(deliver, 300);
    unreported.add(id);
  }

  async function deliver() {
    const ids = Array.from(unreported);
    unreported.clear();
    try {
      const answer = await call("seen", { ids });
      if (!answer.ok) throw new Error(String(answer.status));
    } catch (error) {
      setTimeout(() => ids.forEach(report), LAZY);
    }
  }

  // The line in which one writes.

  function submit() {
    const text = box.value.trim();
    if (!text) return;
    box.value = "";
    fit();
    say(text);
    box.focus();
  }

  function fit() {
    box.style.height = "auto";
    box.style.height = box.scrollHeight + 2 + "px";
  }

  find("write").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });

  box.addEventListener("input", fit);

  box.addEventListener("keydown", (event) => {
    // Enter also ends the choice of kanji (isComposing, 229), and on a phone it is a new line.
    const composing = event.isComposing || event.keyCode === 229;
    const isSend = event.key === "Enter" && !event.shiftKey && !composing;
    if (!isSend || !matchMedia("(pointer: fine)").matches) return;
    event.preventDefault();
    submit();
  });

  find("menu").addEventListener("click", () => say(words.menu));

  find("newer").addEventListener("click", () => { log.scrollTop = log.scrollHeight; });

  log.addEventListener("scroll", () => {
    if (log.scrollHeight - log.scrollTop - log.clientHeight < NEAR) find("newer").hidden = true;
  });

  find("picture").addEventListener("change", async (event) => {
    const files = Array.from(event.target.files);
    event.target.value = "";
    for (const file of files) await attach(file);
  });

  document.addEventListener("visibilitychange", () => {
    quietPolls = 0;
    if (document.hidden) clearTimeout(timer);
    else ask();
  });

  window.addEventListener("online", ask);

  // The demo's guide writes a suggested line for the visitor.
  window.addEventListener("message", (event) => {
    const isGuide = page.dataset.demo && event.origin === location.origin;
    if (isGuide && event.data && typeof event.data.say === "string") say(event.data.say);
  });

  find("scriptless").remove();
  ask();
})();
