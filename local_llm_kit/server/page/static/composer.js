/** Where the user writes: text, and images where the model takes them. */

import { $, el, iconButton, toast } from "./dom.js";
import { imageFiles, readImage } from "./images.js";

/** Whether the field grows by its style alone; measuring it lays out the whole page at each key. */
const GROWS = CSS.supports("field-sizing", "content");

/** A keyboard on the screen has no Shift and Enter: there Enter is a new line. */
const TOUCHED = matchMedia("(pointer: coarse)");

export class Composer {
  #images = [];
  #takesImages = false;
  #busy = false;
  #onSend;

  /** @param onSend takes {text, images}; @param onEditLast called on ↑ in an empty field. */
  constructor({ onSend, onStop, onEditLast }) {
    this.#onSend = onSend;
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    $("stop").addEventListener("click", onStop);
    $("prompt").addEventListener("input", () => this.#refresh());
    $("prompt").addEventListener("keydown", (event) => {
      // While an input method composes, Enter chooses one of its suggestions.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !TOUCHED.matches) {
        event.preventDefault();
        this.#send();
      } else if (event.key === "ArrowUp" && !$("prompt").value) {
        event.preventDefault();
        onEditLast();
      }
    });
    this.#listenForImages();
  }

  /** Show whether an answer is on its way: then there is a stop button and nothing is sent. */
  set busy(busy) {
    this.#busy = busy;
    const hadFocus = [$("send"), $("stop")].includes(document.activeElement);
    $("stop").hidden = !busy;
    $("send").hidden = busy;
    if (hadFocus) $("prompt").focus(); // the focused button is gone
    this.#refresh();
  }

  /** Say whether the model takes images. Those that wait to be sent are kept for one that does. */
  set takesImages(takes) {
    this.#takesImages = takes;
    $("attach").hidden = !takes;
    this.#refresh();
  }

  focus() {
    $("prompt").focus();
  }

  #send() {
    const text = $("prompt").value.trim();
    const images = this.#takesImages ? this.#images : [];
    if (this.#busy || (!text && !images.length)) return;
    $("prompt").value = "";
    this.#images = [];
    this.#refresh();
    this.#onSend({ text, ...(images.length ? { images } : {}) });
  }

  #refresh() {
    const prompt = $("prompt");
    if (!GROWS) {
      prompt.style.height = "auto";
      prompt.style.height = `${prompt.scrollHeight}px`;
    }
    const images = this.#takesImages ? this.#images : [];
    $("send").disabled = !prompt.value.trim() && !images.length;
    $("attachments").hidden = !images.length;
    $("attachments").replaceChildren(...images.map((url, i) => this.#thumbnail(url, i)));
  }

  #thumbnail(url, index) {
    const drop = () => {
      this.#images.splice(index, 1);
      this.#refresh();
      this.focus();
    };
    return el(
      "div",
      { class: "attachment" },
      el("img", { src: url, alt: `Image ${index + 1}` }),
      iconButton("close", `Remove image ${index + 1}`, drop),
    );
  }

  #listenForImages() {
    $("attach").addEventListener("click", () => $("attach-file").click());
    $("attach-file").addEventListener("change", () => {
      this.#add($("attach-file").files);
      $("attach-file").value = "";
    });
    $("prompt").addEventListener("paste", (event) => {
      if (!event.clipboardData.files.length) return;
      event.preventDefault();
      this.#add(event.clipboardData.files);
    });
    const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault(); // else the browser would leave the page for the file
      $("composer").classList.toggle("drop", this.#takesImages);
    });
    document.addEventListener("dragleave", () => $("composer").classList.remove("drop"));
    document.addEventListener("drop", (event) => {
      $("composer").classList.remove("drop");
      if (!holdsFiles(event)) return;
      event.preventDefault();
      this.#add(event.dataTransfer.files);
    });
  }

  async #add(files) {
    if (!this.#takesImages) return toast("This model takes no images.");
    const chosen = imageFiles(files, this.#images.length);
    if (chosen.length < files.length) toast("A message takes up to six images: PNG, JPEG, WebP or GIF.");
    for (const file of chosen) {
      try {
        this.#images.push(await readImage(file));
      } catch (error) {
        toast(error.message);
      }
    }
    this.#refresh();
  }
}
