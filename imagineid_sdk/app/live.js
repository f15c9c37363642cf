// Shows the frames of a conversation at their moments. Frames come a few at a time and unevenly; the picture follows the
// sound by the longest delay of late, so that it moves evenly. Every moment counts from when the microphone was switched
// on, by this browser's clock, so what is shown as delay is the whole way: microphone, network, listening, drawing.
const canvas = element.querySelector("canvas"), note = element.querySelector(".note");
const context = canvas.getContext("2d");
const waiting = [];
let delay = 0, fps = 0, last = "";

const now = () => (performance.now() - (window.imagineidMicrophone ?? performance.now())) / 1000;

function say(text) {
  if (text !== last) { note.textContent = text; last = text; }
}

watch("value", () => {
  if (!props.value) return;
  const batch = JSON.parse(props.value);
  if (batch.text !== undefined) {
    waiting.length = 0;
    delay = 0;
    fps = 0;
    element.classList.toggle("talking", false);
    say(batch.text);
    return;
  }
  fps = batch.fps;
  batch.frames.forEach((content, i) => {
    const picture = new Image();
    picture.src = "data:image/jpeg;base64," + content;
    waiting.push({ picture, moment: batch.moment + i / fps });
  });
  delay = Math.max(now() - batch.moment, delay * 0.98);
  element.classList.toggle("talking", true);
  element.dataset.batches = Number(element.dataset.batches ?? 0) + 1;
});

function draw() {
  let shown = null;
  while (waiting.length && waiting[0].moment <= now() - delay) {
    if (!waiting[0].picture.complete) break;
    shown = waiting.shift();
  }
  if (shown) {
    canvas.width = shown.picture.naturalWidth;
    canvas.height = shown.picture.naturalHeight;
    context.drawImage(shown.picture, 0, 0);
    const behind = now() - shown.moment;
    element.dataset.latency = behind.toFixed(2);
    element.dataset.shown = Number(element.dataset.shown ?? 0) + 1;
    say(`${behind.toFixed(1)} s behind your voice · ${fps} frames a second`);
  }
  requestAnimationFrame(draw);
}
requestAnimationFrame(draw);
