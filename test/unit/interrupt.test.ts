import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { interruptible } from '../../ts/cli/interrupt.js';

class Exit extends Error {}

let said: string;
let listeners: number;
beforeEach(() => {
  said = '';
  listeners = process.listenerCount('SIGINT');
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  vi.spyOn(process, 'exit').mockImplementation(() => {
    throw new Exit();
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  expect(process.listenerCount('SIGINT')).toBe(listeners);
});

const interrupt = () => process.emit('SIGINT', 'SIGINT');

test('a terminal that closes stops the work once, however often it says so', async () => {
  const result = await interruptible(
    () => 'Stopping after this step.',
    async (signal) => {
      process.emit('SIGHUP', 'SIGHUP');
      process.emit('SIGHUP', 'SIGHUP');
      expect(signal.aborted).toBe(true);
      expect(process.exitCode).toBe(129);
      return Promise.resolve('saved');
    },
  );
  expect(result).toBe('saved');
});

test('the first Ctrl-C stops the work, the second ends the process', async () => {
  const result = await interruptible(
    () => 'Stopping after this step.',
    async (signal) => {
      expect(signal.aborted).toBe(false);
      interrupt();
      expect(signal.aborted).toBe(true);
      expect(process.exitCode).toBe(130);
      expect(said).toBe('Stopping after this step. Once more to stop at once.\n');
      expect(interrupt).toThrow(Exit);
      return Promise.resolve('saved');
    },
  );
  expect(result).toBe('saved');
});

test.each([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s stops the work as Ctrl-C does', async (name, code) => {
  await interruptible(
    () => 'Stopping after this step.',
    (signal) => {
      process.emit(name, name);
      expect(signal.aborted).toBe(true);
      return Promise.resolve();
    },
  );
  expect(process.exitCode).toBe(code);
  expect(process.listenerCount(name)).toBe(0);
});

test('the first ends the process where stopping would save nothing', async () => {
  await interruptible(
    () => undefined,
    async () => {
      expect(interrupt).toThrow(Exit);
      return Promise.resolve();
    },
  );
  expect(said).toBe('Stopped: nothing was written.\n');
  expect(process.exitCode).toBe(130);
});

test('work that fails is listened for no more', async () => {
  await expect(
    interruptible(
      () => undefined,
      () => Promise.reject(new Error('no')),
    ),
  ).rejects.toThrow('no');
  expect(process.exitCode).toBeUndefined();
});
