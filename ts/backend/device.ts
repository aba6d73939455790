import { UserError } from '../base/errors.js';
import { devices, type DeviceName } from './binding.js';

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
