// The microphone, and the face that speaks along.
//
// Sound goes out as 16-bit samples at 16 kHz, one request at a time: while one is on its way the next sound waits, so
// none is lost. Frames come back a few at a time and unevenly; the picture follows the sound by the longest delay of
// late, so that it moves evenly. Every moment counts from the first sample that was sent, by this browser's clock: the
// delay that is shown is the whole way through network, listening and drawing.
const RATE = 16000;
const CAPTURE = `registerProcessor("capture", class extends AudioWorkletProcessor {
  process([input]) { if (input[0]) this.port.postMessage(input[0].slice()); return true; }
});`;
const canvas = element.querySelector("canvas"), button = element.querySelector("button");
const note = element.querySelector(".note"), level = element.querySelector(".level span");
const context = canvas.getContext("2d");
const frames = [];
let microphone = null, talk = null, sound = [], sending = false, begun = 0, delay = 0, fps = 0;

const now = () => (performance.now() - begun) / 1000;
const say = (text) => { if (note.textContent !== text) note.textContent = text; };

async function start() {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: false },
    });
    const audio = new AudioContext({ sampleRate: RATE });
    await audio.audioWorklet.addModule(URL.createObjectURL(new Blob([CAPTURE], { type: "text/javascript" })));
    const capture = new AudioWorkletNode(audio, "capture");
    capture.port.onmessage = (event) => hear(event.data);
    audio.createMediaStreamSource(stream).connect(capture);
    microphone = { stream, audio };
  } catch (error) {
    say(`The microphone can't be used: ${error.message}. Allow it for this page and try again.`);
    return;
  }
  button.textContent = "Stop";
  element.classList.add("listening");
  say("Waiting for your turn …");
  trigger("start");
}

function stop() {
  microphone?.stream.getTracks().forEach((track) => track.stop());
  microphone?.audio.close();
  if (talk) server.hear({ talk, over: true });
  microphone = talk = null;
  sound = [];
  button.textContent = "Start the microphone";
  element.classList.remove("listening");
  level.style.width = "0";
}

function hear(block) {
  let peak = 0;
  for (const sample of block) peak = Math.max(peak, Math.abs(sample));
  level.style.width = `${Math.min(100, Math.max(peak * 140, parseFloat(level.style.width) * 0.9 || 0))}%`;
  if (!talk) return; // others are before us
  if (!begun) begun = performance.now() - (1000 * block.length) / RATE;
  sound.push(block);
  send();
}

async function send() {
  const length = sound.reduce((sum, block) => sum + block.length, 0);
  if (sending || length < RATE / 10) return;
  const samples = new Int16Array(length);
  let at = 0;
  for (const block of sound) for (const sample of block) samples[at++] = Math.max(-1, Math.min(1, sample)) * 32767;
  sound = [];
  sending = true;
  const bytes = new Uint8Array(samples.buffer);
  const text = Array.from({ length: Math.ceil(bytes.length / 8192) }, (_, i) =>
    String.fromCharCode(...bytes.subarray(i * 8192, (i + 1) * 8192))).join("");
  try {
    await server.hear({ talk, sound: btoa(text) });
  } finally {
    sending = false;
  }
}

button.addEventListener("click", () => (microphone ? stop() : start()));

watch("value", () => {
  if (!props.value) return;
  const message = JSON.parse(props.value);
  if (message.over) {
    if (microphone && message.talk === talk) stop();
    say(message.text);
  } else if (message.text !== undefined) {
    talk = microphone ? message.talk : null;
    if (!microphone) server.hear({ talk: message.talk, over: true }); // stopped while waiting
    frames.length = begun = delay = 0;
    say(message.text);
  } else if (microphone && message.talk === talk) {
    fps = message.fps;
    message.frames.forEach((content, i) => {
      const picture = new Image();
      picture.src = "data:image/jpeg;base64," + content;
      frames.push({ picture, moment: message.moment + i / fps });
    });
    delay = Math.max(now() - message.moment, delay * 0.97);
  }
});

function draw() {
  let shown = null;
  while (frames.length && frames[0].moment <= now() - delay && frames[0].picture.complete) shown = frames.shift();
  if (shown && talk) {
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
