import type { Tensor4D } from '@tensorflow/tfjs-core';

/** One call or several, as tfjs makes them: images in and an image out, NHWC. */
export interface Step {
  /** Names of the images that it reads. */
  readonly inputs: readonly string[];
  /** Its result's name. */
  readonly output: string;
  run(images: readonly Tensor4D[]): Tensor4D;
}

/** A step of one image. */
export const stepOf = (input: string, output: string, run: (image: Tensor4D) => Tensor4D): Step => ({
  inputs: [input],
  output,
  run: ([image]) => run(image!),
});
