import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import type { NativeBackend, NativeDType } from '../native-backend.js';
import type { Interface } from './compile.js';
import type { Program } from './recorder.js';
import { mapTensors, signatureOf, tensorsOf, type TensorTree } from './tensor-tree.js';

/**
 * One step of something that has state: a pure function of tensors. Whatever changes from step to
 * step is among `inputs`, as a tensor; numbers that it reads elsewhere stay as they were at first.
 */
export type StepFunction<State extends TensorTree, Inputs extends TensorTree, Outputs extends TensorTree> = (
  state: State,
  inputs: Inputs,
) => { state: State; outputs: Outputs };

export interface Trace<Outputs> {
  readonly program: Program;
  readonly ports: Interface;
  /** Shapes and dtypes of the outputs, in order. */
  readonly outputs: readonly { readonly shape: number[]; readonly dtype: NativeDType }[];
  /** Puts outputs together as the function does. */
  readonly assemble: (outputs: readonly Tensor[]) => Outputs;
}

/**
 * Calls a step function with stand-ins for its tensors and notes what it would have run.
 * @throws Error for a function that reads the elements of a tensor, or whose new state has another signature
 */
export function trace<State extends TensorTree, Inputs extends TensorTree, Outputs extends TensorTree>(
  backend: NativeBackend,
  step: StepFunction<State, Inputs, Outputs>,
  state: State,
  inputs: Inputs,
): Trace<Outputs> {
  return backend.record((recorder) => {
    let traced: Omit<Trace<Outputs>, 'program'>;
    tf.tidy(() => {
      const values = (tree: TensorTree) => tensorsOf(tree).map((tensor) => backend.recordedValue(tensor));
      const given = standInFor(backend, inputs);
      const old = standInFor(backend, state);
      const ports = { inputs: values(given), state: values(old) };
      const result = step(old, given);
      if (signatureOf(result.state) !== signatureOf(state))
        throw new Error('A captured step must give back a state of the same tensors as it was given.');
      const outputs = tensorsOf(result.outputs);
      traced = {
        ports: { ...ports, newState: values(result.state), outputs: values(result.outputs) },
        outputs: outputs.map(({ shape, dtype }) => ({ shape: [...shape], dtype: dtype as NativeDType })),
        assemble(tensors) {
          let next = 0;
          return mapTensors(result.outputs, () => tensors[next++]);
        },
      };
    });
    return { program: recorder, ...traced! };
  });
}

/** Tensors of the same kinds without contents, which belong to the tidy around. */
const standInFor = <Tree extends TensorTree>(backend: NativeBackend, tree: Tree): Tree =>
  mapTensors(tree, ({ shape, dtype }) => {
    const info: TensorInfo = backend.makeOutput(shape, dtype as NativeDType);
    return tf.engine().makeTensorFromTensorInfo(info);
  });
