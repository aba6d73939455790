import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const at = (path: string) => fileURLToPath(new URL(`../../scripts/${path}`, import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-setup-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs node on a script, with everything that it may write in `folder`. */
function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, RAREFACE_TENSORFLOW: join(folder, 'tensorflow'), XDG_CACHE_HOME: folder, ...env },
  });
}

const setUp = (...args: string[]) => run([at('setup-tensorflow.mjs'), ...args]);

describe('npm run setup:tensorflow', () => {
  test('has help', () => {
    const { status, stdout } = setUp('--help');
    expect(status).toBe(0);
    for (const flag of ['--gpu', '--cuda', '--version', '--official', '--force', '--remove'])
      expect(stdout).toContain(`\n  ${flag} `);
  });

  test.each([
    [['--version', '2'], "expected a version such as 2.15.1 for --version but received '2'"],
    [['--verbose'], "Unknown option '--verbose'"],
    [['--official', '--version', '2.15.1'], 'leave --version and --cuda out'],
    [['--cuda'], '--cuda goes with --gpu'],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = setUp(...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^rareface: [^\n]*\n$/);
    expect(stderr).toContain(message);
    expect(existsSync(join(folder, 'tensorflow'))).toBe(false);
  });

  test('removes what is there, wheels included, and says so', async () => {
    const places = [join(folder, 'tensorflow', 'cpu'), join(folder, 'rareface', 'wheels')];
    for (const place of places) {
      await mkdir(place, { recursive: true });
      await writeFile(join(place, 'file'), Buffer.alloc(3e6));
    }
    const { status, stdout } = setUp('--remove');
    expect(status).toBe(0);
    expect(stdout.match(/removed .* \(3 MB\)/g)).toHaveLength(2);
    for (const place of places) expect(existsSync(place)).toBe(false);
    expect(setUp('--remove').stdout).toContain('tensorflow is not there');
  });
});

describe('the wheel', () => {
  const wheels = () => join(folder, 'rareface', 'wheels');
  const name = 'tensorflow_cpu-9.9.9-cp311-cp311-manylinux_2_17_x86_64.whl';

  /** Fetches a wheel with a pip that writes `content`, and counts its downloads. */
  async function fetch(content: string) {
    const python = join(folder, 'python');
    await writeFile(
      python,
      `#!/bin/sh
      case "$*" in *--help*) echo --resume-retries; exit;; esac
      echo "$*" >> ${join(folder, 'calls')}
      while [ "$1" != --dest ]; do shift; done
      mkdir -p "$2"; printf '%s' '${content}' > "$2/${name}"\n`,
    );
    await chmod(python, 0o755);
    const code = `import(process.argv[1]).then(async ({ fetchWheel }) => console.log(JSON.stringify(await fetchWheel('tensorflow-cpu', '9.9.9', () => {}))))`;
    const { stdout, stderr } = run(['-e', code, at('wheels/wheel.mjs')], { PYTHON: python });
    expect(stderr).toBe('');
    const calls = (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n');
    return { wheel: JSON.parse(stdout) as { file: string; sha256: string; bytes: number }, calls };
  }

  test('is downloaded for any Python, kept with its checksum, and downloaded again where it was harmed', async () => {
    const { wheel, calls } = await fetch('wheel');
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatch(/--platform manylinux_2_17_x86_64 .*--resume-retries \d+ .* tensorflow-cpu==9\.9\.9$/);
    expect(wheel).toMatchObject({
      file: join(wheels(), name),
      bytes: 5,
      sha256: createHash('sha256').update('wheel').digest('hex'),
    });
    expect((await fetch('another')).calls).toHaveLength(1);
    await writeFile(wheel.file, 'whee');
    expect((await fetch('another')).calls).toHaveLength(2);
    expect(await readFile(wheel.file, 'utf8')).toBe('another');
    expect((await readdir(wheels())).sort()).toEqual([name, `${name}.sha256`]);
  });
});
