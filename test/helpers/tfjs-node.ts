import { findPackage, setupCommand } from '../../ts/backend/tfjs-node/packages.js';

/** Why tests of the engine tfjs-node are skipped here, or nothing. */
export const noTfjsNode = findPackage('tfjs-node')
  ? undefined
  : `tfjs-node is not set up: ${setupCommand('tfjs-node')}`;
if (noTfjsNode !== undefined) console.warn(`skipped: ${noTfjsNode}`);
