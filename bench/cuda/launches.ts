import * as tf from '@tensorflow/tfjs-core';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { addonPath, type Precision } from '../../ts/backend/binding.js';
import type { Call, Operand } from '../../ts/backend/capture/recorder.js';
import type { NativeBackend } from '../../ts/backend/native-backend.js';
import { dtypeOf } from '../calls/repeated.js';
import { kernelNames } from './names.js';

/** How a kernel call starts something on a GPU. */
export interface Launch {
  /** As in the sources, with template arguments. */
  readonly name: string;
  readonly blocks: number;
  /** Of a block. */
  readonly threads: number;
  /** Dynamic shared memory of a block, in bytes. */
  readonly shared: number;
}

/**
 * Asks the kernels for GPUs what they would launch: those compiled for the CPU, which then only take
 * notes. One in a process, before its native engine is opened.
 */
export class LaunchLog {
  private readonly folder = mkdtempSync(join(tmpdir(), 'rareface-launches-'));
  private readonly file = join(this.folder, 'launches');
  private readonly names: ReadonlyMap<string, string>;
  private seen = 0;

  constructor() {
    writeFileSync(this.file, '');
    process.env['RAREFACE_DEVICE'] = 'cuda-emulated';
    process.env['RAREFACE_EMULATOR_LAUNCHES'] = this.file;
    this.names = functionNames(join(dirname(addonPath()), 'librareface-cuda-emulated.so'));
  }

  /** What a call launches, in order. */
  of(call: Call, precision: Precision): Launch[] {
    const backend = tf.backend() as NativeBackend;
    backend.precision = precision;
    const inputs = call.inputs.map((operand) => tensorFor(backend, operand));
    const outputs = call.outputs.map((operand) => tensorFor(backend, operand));
    this.unread();
    backend.run(call.kernel, inputs, outputs, call.attrs);
    for (const info of [...inputs, ...outputs]) backend.release(info);
    return this.unread();
  }

  private unread(): Launch[] {
    const text = readFileSync(this.file, 'utf8');
    const lines = text.slice(this.seen).trim().split('\n').filter(Boolean);
    this.seen = text.length;
    return lines.map((line) => {
      const [offset, ...numbers] = line.split(' ') as [string, ...string[]];
      const [bx, by, bz, tx, ty, tz, shared] = numbers.map(Number) as [
        ...[number, number, number, number, number, number, number],
      ];
      return { name: this.names.get(offset) ?? offset, blocks: bx * by * bz, threads: tx * ty * tz, shared };
    });
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }
}

const tensorFor = (backend: NativeBackend, operand: Operand) => backend.makeOutput([...operand.dims], dtypeOf(operand));

/** Functions of a library by their offsets. Those of anonymous namespaces follow the name of their file. */
function functionNames(library: string): Map<string, string> {
  const text = execFileSync('readelf', ['--symbols', '--wide', library], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const offsets: string[] = [];
  const symbols: { mangled: string; file: string }[] = [];
  let file = '';
  for (const line of text.split('\n')) {
    const [, offset, kind, binding, name] = /^ *\d+: 0*([0-9a-f]+) +\d+ (\w+) +(\w+) +\w+ +\w+ (\S+)/.exec(line) ?? [];
    // What is not of a source file comes after that of the linker's own.
    if (kind === 'FILE') file = /^(\w+)\.cu$/.exec(name!)?.[1] ?? '';
    if (kind !== 'FUNC') continue;
    offsets.push(offset!);
    symbols.push({ mangled: name!, file: binding === 'LOCAL' ? file : '' });
  }
  const names = kernelNames(symbols);
  return new Map(offsets.map((offset, i) => [offset, names[i]!]));
}
