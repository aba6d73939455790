import { existsSync } from 'node:fs';

/** What an NVIDIA driver makes: on Linux, and in WSL 2. */
const driverDevices = ['/dev/nvidiactl', '/dev/dxg'];

/** Whether this machine has an NVIDIA driver. */
export const hasDriver = (): boolean => driverDevices.some((device) => existsSync(device));

/** Why libtensorflow computes on the CPU although its GPU build is there. */
export function gpuProblem(): string {
  if (!hasDriver())
    return 'this machine has no NVIDIA driver (nvidia-smi would list its GPUs). Install it, or in a container pass the GPU through (docker run --gpus all)';
  const hidden = process.env['CUDA_VISIBLE_DEVICES'];
  if (hidden === '' || hidden === '-1') return `CUDA_VISIBLE_DEVICES is '${hidden}', which hides every GPU`;
  return (
    'there is a driver, but libtensorflow found no GPU that it can use: its messages, with TF_CPP_MIN_LOG_LEVEL=0, ' +
    'name the library of CUDA or cuDNN that it looked for. Both come with npm run setup:tensorflow -- --gpu --cuda'
  );
}
