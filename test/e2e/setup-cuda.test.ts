import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const at = (path: string) => fileURLToPath(new URL(`../../scripts/${path}`, import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rareface-cuda-'));
});
beforeEach(() => rm(join(folder, 'cuda'), { recursive: true, force: true }));
afterAll(() => rm(folder, { recursive: true }));

/** Runs node on a script, with everything that it may write in `folder`, on a machine without CUDA. */
function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const machine = { ...process.env, CUDACXX: '', CUDA_HOME: '', CUDA_PATH: '' };
  return spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...machine, RAREFACE_CUDA_FOLDER: join(folder, 'cuda'), XDG_CACHE_HOME: folder, ...env },
  });
}

const setUp = (...args: string[]) => run([at('setup-cuda.mjs'), ...args]);

async function script(path: string, text: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

/** An nvcc that tells its release, and nothing else. */
const nvcc = (path: string, release: string) => script(path, `echo "release ${release}, V${release}.1"`);

/** The toolkit that is found. */
function find(env: NodeJS.ProcessEnv): { nvcc: string; release: string; from: string; said: string[] } | undefined {
  const code = `import(process.argv[1]).then(({ findToolkit }) => {
    const said = [];
    const found = findToolkit((text) => said.push(text));
    console.log(JSON.stringify(found && { ...found, said }) ?? '');
  })`;
  const { stdout, stderr } = run(['-e', code, at('cuda/toolkit.mjs')], env);
  expect(stderr).toBe('');
  return stdout.trim() === '' ? undefined : (JSON.parse(stdout) as ReturnType<typeof find>);
}

describe('npm run setup:cuda', () => {
  test('has help', () => {
    const { status, stdout } = setUp('--help');
    expect(status).toBe(0);
    for (const flag of ['--onnxruntime', '--no-onnxruntime', '--own', '--no-build', '--force', '--remove'])
      expect(stdout).toContain(`\n  ${flag} `);
  });

  test.each([
    [['--verbose'], "Unknown option '--verbose'"],
    [['--onnxruntime', '--no-onnxruntime'], 'expected one of them'],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = setUp(...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^rareface: [^\n]*\n$/);
    expect(stderr).toContain(message);
    expect(existsSync(join(folder, 'cuda'))).toBe(false);
  });

  test('refuses a wheel that is not the one it knows, and leaves nothing behind', async () => {
    const python = await script(
      join(folder, 'python'),
      `case "$*" in *--help*) echo --resume-retries; exit;; esac
      while [ "$1" != --dest ]; do shift; done
      mkdir -p "$2"; echo wrong > "$2/nvidia_cuda_nvcc-13.0.88-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"`,
    );
    const { status, stderr } = run([at('setup-cuda.mjs'), '--own', '--no-build'], { PYTHON: python });
    expect(status).toBe(1);
    expect(stderr).toMatch(/has the checksum .*, expected 56fe502e.*: the download is broken or was tampered with/);
    expect(await readdir(join(folder, 'rareface', 'wheels'))).toEqual([]);
    expect(await readdir(join(folder, 'cuda')).catch(() => [])).toEqual([]);
  });
});

describe('the driver', () => {
  test.each([
    ['550.54.15', '13.0', 1, 'the NVIDIA driver 550.54.15 is older than 580, which programs of CUDA 13.0 need'],
    ['550.54.15', '12.8', 0, 'ready for NVIDIA H200 (driver 550.54.15)'],
    ['580.65.06', '13.0', 0, 'ready for NVIDIA H200 (driver 580.65.06)'],
  ])('%s with CUDA %s', async (version, release, expected, message) => {
    const bin = join(folder, version);
    await script(join(bin, 'nvidia-smi'), `echo "${version}, NVIDIA H200"`);
    const CUDACXX = await nvcc(join(folder, release, 'bin/nvcc'), release);
    const { status, stdout, stderr } = run([at('setup-cuda.mjs'), '--no-build', '--no-onnxruntime'], {
      ...{ CUDACXX, PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    });
    expect(stdout + stderr).toContain(message);
    expect(status).toBe(expected);
  });
});

describe('the toolkit', () => {
  test('is the one that CUDACXX names, else that on the PATH', async () => {
    const named = await nvcc(join(folder, 'a/bin/nvcc'), '12.8');
    const onPath = await nvcc(join(folder, 'b/bin/nvcc'), '12.6');
    const PATH = `${dirname(onPath)}:${process.env['PATH'] ?? ''}`;
    expect(find({ PATH, CUDACXX: named })).toMatchObject({ nvcc: named, release: '12.8', from: 'named by CUDACXX' });
    expect(find({ PATH })).toMatchObject({ nvcc: onPath, release: '12.6', folder: join(folder, 'b') });
  });

  test('is the one that was set up where the installed one is too old or broken, which is said', async () => {
    const old = await nvcc(join(folder, 'old/bin/nvcc'), '11.8');
    const broken = await script(join(folder, 'broken/bin/nvcc'), 'exit 1');
    await nvcc(join(folder, 'cuda/toolkit/bin/nvcc'), '13.0');
    const env = { CUDACXX: old, PATH: `${dirname(broken)}:${process.env['PATH'] ?? ''}` };
    // Without a record it is not whole.
    expect(find(env)?.nvcc).not.toBe(join(folder, 'cuda/toolkit/bin/nvcc'));
    await writeFile(join(folder, 'cuda/toolkit/setup.json'), '{}');
    if (existsSync('/usr/local/cuda/bin/nvcc')) return;
    expect(find(env)).toMatchObject({ release: '13.0', from: 'set up from Python wheels' });
    expect(find(env)?.said).toEqual([`${old} is of CUDA 11.8; 12.0 or newer is needed`]);
  });
});
