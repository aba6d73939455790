import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, UserError } from '../base/errors.js';
import { addonPath, devices, isas, loadBinding, type DeviceName, type Isa } from './binding.js';
import { threadsFromEnvironment } from './threads.js';

/**
 * Where the native backend's kernels run: RAREFACE_DEVICE, else the CPU.
 * @throws UserError for a RAREFACE_DEVICE that is no device
 */
export function deviceFromEnvironment(): DeviceName {
  const name = (process.env['RAREFACE_DEVICE'] ?? 'cpu') as DeviceName;
  if (!devices.includes(name))
    throw new UserError(`Expected one of ${devices.join(', ')} for RAREFACE_DEVICE but received '${name}'.`);
  return name;
}

/**
 * The instruction set of kernels on the CPU: RAREFACE_ISA, else '', the best.
 * @throws UserError for a RAREFACE_ISA that is none
 */
export function isaFromEnvironment(): Isa | '' {
  const name = (process.env['RAREFACE_ISA'] ?? '') as Isa | '';
  if (name !== '' && !isas.includes(name))
    throw new UserError(`Expected one of ${isas.join(', ')} for RAREFACE_ISA but received '${name}'.`);
  return name;
}

/** The device of an engine that is asked for a GPU: tests may have one emulated. */
export const gpuFromEnvironment = (): DeviceName =>
  process.env['RAREFACE_DEVICE'] === 'cuda-emulated' ? 'cuda-emulated' : 'cuda';

/**
 * Starts a device with its kernels, unless this thread has one already.
 * @returns the one that this thread has
 * @throws UserError that says what is missing and what brings it
 */
export function openDevice(device: DeviceName, threads = threadsFromEnvironment()): DeviceName {
  const binding = loadBinding();
  if (device !== 'cpu' && !existsSync(join(dirname(addonPath()), `librareface-${device}.so`)))
    throw new UserError(
      device === 'cuda'
        ? 'The native addon was built without CUDA. Build its CUDA kernels with: npm run setup:cuda'
        : 'The emulator of CUDA is not built. Build it with: npm run build:emulator',
    );
  const isa = isaFromEnvironment();
  try {
    return binding.open(device, isa, threads).device;
  } catch (error) {
    if (device === 'cpu' && isa !== '')
      throw new UserError(
        `Expected one of ${isas.join(', ')} that the processor has and that was built for RAREFACE_ISA ` +
          `but received '${isa}': ${messageOf(error)}`,
      );
    if (device === 'cpu') throw error;
    throw new UserError(`The native engine cannot use a GPU: ${messageOf(error)}. To run on the CPU: --device cpu`);
  }
}
