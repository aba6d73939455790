import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { batchNormTrain } from '../ops/batch-norm.js';
import type { HostParams, Network, Params, ParamSpec } from './network.js';

/** A 3x3 convolution of stride 1 and pad 1. */
export interface ConvLayer {
  /** e.g. `conv3_1` */
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Whether a 2x2 max pooling comes before it. */
  readonly pooled: boolean;
}

/**
 * A classifier of one shape: convolutions in a row, each with batch normalisation and relu, global
 * average pooling, dropout, one linear layer.
 */
export interface ConvClassifier {
  readonly name: string;
  readonly convs: readonly ConvLayer[];
  readonly classes: number;
}

/** Added to a variance before its root. */
const eps = 1e-5;

/** He et al. 2015: keeps the variance through relu. */
export const heNormal = (inputs: number): ParamSpec['init'] => ({ kind: 'normal', std: Math.sqrt(2 / (9 * inputs)) });

/** The form that is trained; batch normalisation goes by the batch's own statistics. */
export interface TrainableClassifier extends Pick<Network<Tensor2D>, 'name' | 'params'> {
  /**
   * x [N, H, W, C] in [-1, 1] to logits [N, classes].
   * @param dropout an inverted mask of the pooled features: [N, channels of the last convolution] of 0 and 1 / (1 - rate)
   */
  apply(params: Params, x: Tensor4D, dropout?: Tensor2D): Tensor2D;
  /** Mean and variance over the batch of every convolution's output, first to last. */
  moments(params: Params, x: Tensor4D): { mean: Tensor1D; variance: Tensor1D }[];
}

export function trainableClassifier(config: ConvClassifier): TrainableClassifier {
  const features = (params: Params, x: Tensor4D, seen?: (convolved: Tensor4D) => void): Tensor2D => {
    let y = x;
    for (const { name, pooled } of config.convs) {
      if (pooled) y = tf.maxPool(y, 2, 2, 'valid');
      y = tf.conv2d(y, params[`${name}.filter`] as Tensor4D, 1, 1);
      seen?.(y);
      const [scale, offset] = [params[`${name}.scale`], params[`${name}.offset`]] as [Tensor1D, Tensor1D];
      y = batchNormTrain(y, scale, offset, { activation: 'relu', eps });
    }
    return tf.mean(y, [1, 2]);
  };
  return {
    name: config.name,
    params: [...config.convs.flatMap(trainedParams), ...headParams(config)],
    apply(params, x, dropout) {
      const pooled = features(params, x);
      return head(params, dropout ? tf.mul(pooled, dropout) : pooled);
    },
    moments(params, x) {
      const found: { mean: Tensor1D; variance: Tensor1D }[] = [];
      features(params, x, (y) => found.push(tf.moments(y, [0, 1, 2]) as { mean: Tensor1D; variance: Tensor1D }));
      return found;
    },
  };
}

/** The form that is used: batch normalisation folded into the convolutions, which have a bias. */
export function plainClassifier(config: ConvClassifier): Network<Tensor2D> {
  return {
    name: config.name,
    params: [...config.convs.flatMap(plainParams), ...headParams(config)],
    apply(params, x) {
      let y = x;
      for (const { name, pooled } of config.convs) {
        if (pooled) y = tf.maxPool(y, 2, 2, 'valid');
        y = convRelu(params, name, y);
      }
      return head(params, tf.mean(y, [1, 2]));
    },
  };
}

/** Convolution, bias and relu: one kernel where no gradient is taken. */
export function convRelu(params: Params, name: string, x: Tensor4D): Tensor4D {
  const filter = params[`${name}.filter`] as Tensor4D;
  const bias = params[`${name}.bias`] as Tensor1D;
  return tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 1, activation: 'relu' });
}

function head(params: Params, features: Tensor2D): Tensor2D {
  return tf.add(tf.matMul(features, params['head.filter'] as Tensor2D), params['head.bias'] as Tensor1D);
}

function trainedParams({ name, inputs, outputs }: ConvLayer): ParamSpec[] {
  return [
    { name: `${name}.filter`, shape: [3, 3, inputs, outputs], init: heNormal(inputs) },
    { name: `${name}.scale`, shape: [outputs], init: { kind: 'constant', value: 1 } },
    { name: `${name}.offset`, shape: [outputs], init: { kind: 'constant', value: 0 } },
  ];
}

/** The parameters of {@link convRelu}. */
export function plainParams({ name, inputs, outputs }: ConvLayer): ParamSpec[] {
  return [
    { name: `${name}.filter`, shape: [3, 3, inputs, outputs], init: heNormal(inputs) },
    { name: `${name}.bias`, shape: [outputs], init: { kind: 'constant', value: 0 } },
  ];
}

function headParams({ convs, classes }: ConvClassifier): ParamSpec[] {
  return [
    { name: 'head.filter', shape: [convs.at(-1)!.outputs, classes], init: { kind: 'normal', std: 0.01 } },
    { name: 'head.bias', shape: [classes], init: { kind: 'constant', value: 0 } },
  ];
}

/** Mean and variance of each channel of a convolution's output, over a data set. */
export interface Moments {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/**
 * Folds batch normalisation with these statistics into the convolutions:
 * filter' = filter * scale / sqrt(variance + eps), bias' = offset - mean * scale / sqrt(variance + eps).
 * @param params of {@link trainableClassifier}
 * @param moments of each convolution, first to last
 * @returns params of {@link plainClassifier}
 */
export function foldClassifier(config: ConvClassifier, params: HostParams, moments: readonly Moments[]): HostParams {
  const folded: Record<string, HostParams[string]> = {};
  config.convs.forEach(({ name, outputs }, layer) => {
    const { shape, values } = params[`${name}.filter`]!;
    const scale = params[`${name}.scale`]!.values;
    const offset = params[`${name}.offset`]!.values;
    const { mean, variance } = moments[layer]!;
    const gain = scale.map((s, c) => s / Math.sqrt(variance[c]! + eps));
    folded[`${name}.filter`] = { shape, values: values.map((w, i) => w * gain[i % outputs]!) };
    folded[`${name}.bias`] = { shape: [outputs], values: offset.map((o, c) => o - mean[c]! * gain[c]!) };
  });
  for (const { name } of headParams(config)) folded[name] = params[name]!;
  return folded;
}
