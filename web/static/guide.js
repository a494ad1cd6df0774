// Copying what is to be allowed; without a clipboard it can be selected by one tap.
"use strict";

const copy = async (button) => {
  const words = document.getElementById(button.dataset.copy).textContent;
  await navigator.clipboard.writeText(words);
  button.textContent = button.dataset.done;
};

if (navigator.clipboard) {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}
