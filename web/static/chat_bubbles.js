// What each entry of the log looks like. Every text is set as text, never as HTML.
(function () {
  "use strict";

  // Addresses are ASCII: Japanese words that follow without a space are no part of one.
  const ADDRESS = /(https?:\/\/[\w\-.~:/?#@!$&*+,;=%]*[\w\-~/#&=+])/;

  function make(name, classes, text) {
    const element = document.createElement(name);
    if (classes) element.className = classes;
    if (text) element.textContent = text;
    return element;
  }

  function link(address, text) {
    const anchor = make("a", "", text);
    anchor.href = address;
    anchor.target = "_blank";
    anchor.rel = "noopener noreferrer";
    return anchor;
  }

  function written(text) {
    const paragraph = make("p", "written");
    text.split(ADDRESS).forEach((part, index) => {
      paragraph.append(index % 2 ? link(part, part) : part);
    });
    return paragraph;
  }

  function image(source, alt) {
    const element = make("img");
    element.alt = alt;
    element.src = source;
    return element;
  }

  function action(text, act, classes) {
    const button = make("button", "button " + (classes || ""), text);
    button.type = "button";
    button.addEventListener("click", () => act(button));
    return button;
  }

  // `words` are the page's texts; `on` says what a tap does.
  function bubbles(words, on) {
    function pictures(list) {
      const frame = make("div", "pictures");
      list.forEach((picture, index) => {
        const anchor = link(picture.full, "");
        const alt = words.picture_alt.replace("{number}", index + 1).replace("{count}", list.length);
        const shown = image(picture.small, alt);
        // Known sizes keep the text where it is while an image loads.
        shown.width = picture.width;
        shown.height = picture.height;
        anchor.append(shown);
        frame.append(anchor);
      });
      return frame;
    }

    function choices(entry) {
      const group = make("div", "choices");
      group.setAttribute("role", "group");
      group.setAttribute("aria-label", words.choices);
      entry.buttons.forEach((choice) => {
        if (choice.href) {
          const page = link(choice.href, choice.label);
          page.className = "button";
          group.append(page);
          return;
        }
        const button = action("", (tapped) => on.tap(tapped, choice));
        button.dataset.choice = choice.card ? "card" : "question";
        if (choice.number) button.append(make("b", "", String(choice.number)));
        button.append(make("span", "", choice.label));
        group.append(button);
      });
      return group;
    }

    function line(side, parts, time) {
      const element = make("div", "line " + side);
      if (words.from && !side) element.append(sender());
      element.append(...parts.filter(Boolean), make("span", "time", time));
      return element;
    }

    // Read aloud once, with the bubble.
    function sender() {
      const name = make("span", "from", words.from);
      name.setAttribute("aria-hidden", "true");
      return name;
    }

    function reply(entry) {
      const bubble = make("div", "bubble");
      // In LINE a card is a message of its own, without words.
      bubble.hidden = !entry.subject && !entry.text && !entry.pictures.length;
      bubble.append(make("span", "unseen", words.them));
      if (entry.subject) bubble.append(make("h2", "", entry.subject));
      if (entry.text) bubble.append(written(entry.text));
      if (entry.pictures.length) bubble.append(pictures(entry.pictures));
      return line("", [bubble, entry.buttons.length && choices(entry)], entry.time);
    }

    function notice(entry) {
      const card = make("article", "notice " + entry.tone);
      const badges = make("p", "badges");
      badges.append(make("span", "badge " + entry.tone, entry.purpose));
      if (entry.state) badges.append(make("span", "badge over", entry.state));
      badges.append(make("span", "aside", entry.school || words.everyone));
      const head = make("header");
      head.append(badges, make("h2", "", entry.subject));
      card.append(head, written(entry.text));
      if (entry.pictures.length) card.append(pictures(entry.pictures));
      const foot = make("footer");
      foot.append(link(entry.page, words.open));
      card.append(foot);
      return line("", [card, entry.buttons.length && choices(entry)], entry.time);
    }

    function own(entry) {
      const bubble = make("div", "bubble");
      bubble.append(make("span", "unseen", words.you));
      if (entry.thumb) bubble.append(image(entry.thumb, entry.text));
      else if (entry.text) bubble.append(written(entry.text));
      if (entry.pictures && entry.pictures.length) bubble.append(pictures(entry.pictures));
      const group = make("div", "choices");
      if (entry.again) group.append(action(words.again, () => on.again(entry.id)));
      const state = { sending: words.sending, failed: words.failed }[entry.state];
      return line("own " + entry.state, [bubble, entry.again && group], state || entry.time);
    }

    function starter(entry) {
      const bubble = make("div", "bubble");
      bubble.append(written(words.begin.replace("{code}", entry.code)));
      const group = make("div", "choices");
      group.append(action(words.begin_button, on.begin, "main"));
      return line("", [bubble, group], "");
    }

    function dots() {
      const bubble = make("div", "bubble dots");
      bubble.append(make("i"), make("i"), make("i"));
      bubble.setAttribute("aria-hidden", "true");
      return line("", [bubble], "");
    }

    const day = (entry) => make("p", "day", entry.text);
    return { reply, notice, own, day, starter, dots };
  }

  window.renrakumo = Object.assign(window.renrakumo || {}, { bubbles, make, written });
})();
