import { hostKernel } from '../host-kernel.js';

/**
 * Kernels that tfjs's cpu backend computes on host values: rare, and none is part of a training
 * step. Some can be nothing else, since their result's shape depends on values.
 */
const names = [
  // Shape depends on values, or the host's random numbers.
  ...['Unique', 'NonMaxSuppressionV3', 'NonMaxSuppressionV4', 'NonMaxSuppressionV5', 'Multinomial'],
  ...['SparseFillEmptyRows', 'SparseReshape', 'RaggedGather', 'RaggedRange', 'RaggedTensorToTensor'],
  // Strings and complex numbers.
  ...['StaticRegexReplace', 'StringNGrams', 'StringSplit', 'StringToHashBucketFast'],
  ...['ComplexAbs', 'FFT', 'IFFT'],
  // Rare.
  ...['AvgPool3D', 'AvgPool3DGrad', 'MaxPool3D', 'MaxPool3DGrad', 'MaxPoolWithArgmax'],
  ...['Bincount', 'DenseBincount', 'BroadcastArgs', 'CropAndResize', 'Diag', 'Draw', 'LRN', 'LRNGrad'],
  ...['Dilation2D', 'Dilation2DBackpropFilter', 'Dilation2DBackpropInput', 'RotateWithOffset', 'Transform'],
  ...['SearchSorted', 'SparseSegmentMean', 'SparseSegmentSum', 'SparseToDense', 'TensorScatterUpdate', 'TopK'],
  // Convolutions over volumes.
  ...['Conv3D', 'Conv3DBackpropFilterV2', 'Conv3DBackpropInputV2'],
];

export const hostKernels = names.map(hostKernel);
