// The camera, with a permission that can be refused.

import { fromVideo } from "./pictures.js";

/** Side of the square that is sent to the app. */
const SIDE = 256;

const REASONS = {
  NotAllowedError: "The camera was not allowed. Pictures still work, and the page asks again if you press the button.",
  NotFoundError: "There is no camera.",
  NotReadableError: "The camera is in use by another program.",
};

export class Camera {
  #stream;
  #video;

  /** Asks for the camera. Throws an error in words. */
  static async open() {
    if (!navigator.mediaDevices) throw new Error("This browser gives the camera to pages from https or localhost only.");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: 640, height: 480 } });
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `The camera cannot be used: ${error.message}`);
    }
    const video = document.createElement("video");
    video.playsInline = true;
    video.muted = true;
    video.srcObject = stream;
    await video.play();
    return new Camera(stream, video);
  }

  constructor(stream, video) {
    this.#stream = stream;
    this.#video = video;
  }

  /** The present frame, or null before there is one. */
  frame() {
    return this.#video.videoWidth ? fromVideo(this.#video, SIDE) : null;
  }

  /** Calls `gone` when the camera is unplugged or taken back. */
  onGone(gone) {
    this.#stream.getVideoTracks().forEach((track) => track.addEventListener("ended", gone, { once: true }));
  }

  close() {
    this.#stream.getTracks().forEach((track) => track.stop());
    this.#video.srcObject = null;
  }
}
