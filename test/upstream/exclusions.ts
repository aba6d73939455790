import { deviceFromEnvironment } from '../../ts/backend/device.js';

interface Exclusion {
  readonly spec: string;
  readonly reason: string;
}

const always: readonly Exclusion[] = [
  {
    spec: 'avgPool gradient x=[3,3,1] f=[3,3] s=1 p=explicit',
    reason:
      "tfjs divides by the window's size where its forward pass divides by the pixels inside the image; ours is " +
      'the derivative of the forward pass (checked by differences in test/parity/image.test.ts)',
  },
];

const onGpus: readonly Exclusion[] = [
  {
    spec: 'gather throws when index is out of bound',
    reason: 'a GPU sees the index when the kernel runs, and the error is thrown when its result is waited for',
  },
];

/** Specs of tfjs's own suite that the `native` backend is not held to, by full name without the environment's. */
export const exclusions = deviceFromEnvironment() === 'cpu' ? always : [...always, ...onGpus];
