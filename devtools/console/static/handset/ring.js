// A new text rings: the phone moves and glows, and a short tone sounds if the person turned sound on.

const NOTES = [[880, 0], [1318.5, 0.11]];
let sound = false, audio = null;

function keep() {
  try { localStorage.setItem("sound", sound ? "on" : "off"); } catch { /* then it holds for this page only */ }
}

function shown(button) {
  button.setAttribute("aria-pressed", String(sound));
  button.textContent = sound ? "Sound on" : "Sound off";
}

/** The button that turns sound on and off. A browser lets no page sound before a person has clicked in it. */
export function setUpSound(button) {
  try { sound = localStorage.getItem("sound") === "on"; } catch { /* off */ }
  shown(button);
  button.addEventListener("click", () => {
    sound = !sound;
    keep();
    shown(button);
    if (sound) tone();
  });
}

function tone() {
  try {
    audio ??= new AudioContext();
    audio.resume();
    for (const [frequency, after] of NOTES) note(frequency, audio.currentTime + after);
  } catch { /* A machine without sound rings all the same, without a tone. */ }
}

function note(frequency, at) {
  const oscillator = audio.createOscillator(), volume = audio.createGain();
  oscillator.frequency.value = frequency;
  volume.gain.setValueAtTime(0.0001, at);
  volume.gain.exponentialRampToValueAtTime(0.16, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.32);
  oscillator.connect(volume).connect(audio.destination);
  oscillator.start(at);
  oscillator.stop(at + 0.34);
}

/** Ring: `element` has the class `rings` for as long as its movement takes. */
export function ring(element) {
  element.classList.remove("rings");
  // Read, so that the same movement begins anew.
  void element.offsetWidth;
  element.classList.add("rings");
  clearTimeout(element.ringing);
  element.ringing = setTimeout(() => element.classList.remove("rings"), 1400);
  if (sound) tone();
}
