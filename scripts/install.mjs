// Stand-in until the real installer: builds with cmake-js.
import { spawnSync } from 'node:child_process';
const r = spawnSync('npx', ['cmake-js', 'compile', '--generator', 'Ninja', '--parallel', '2', '-O', 'build'], {
  stdio: 'inherit',
});
process.exit(r.status ?? 1);
