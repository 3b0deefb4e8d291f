// A press before the page's connection stands waits until what was typed before it has left.
// Until then NiceGUI asks every 10 ms for each event alone whether it may go: a button could overtake the text above it.
(() => {
  const SETTLED_MS = 50;
  const pressed = [];
  const goOn = () => {
    if (window.did_handshake === false) { setTimeout(goOn, SETTLED_MS); return; }
    setTimeout(() => {
      for (const { target, event } of pressed.splice(0)) target.dispatchEvent(new event.constructor(event.type, event));
    }, SETTLED_MS);
  };
  const hold = (event) => {
    if (window.did_handshake !== false) return;
    const target = event.type === "click" ? event.target.closest(".q-btn") : event.key === "Enter" && event.target;
    if (!target) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    if (pressed.push({ target, event }) === 1) goOn();
  };
  document.addEventListener("click", hold, true);
  document.addEventListener("keydown", hold, true);
})();
