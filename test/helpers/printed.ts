import { vi } from 'vitest';

/** What work writes to stdout. */
export async function printed(work: () => Promise<void>): Promise<string> {
  let out = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    await work();
  } finally {
    write.mockRestore();
  }
  return out;
}
