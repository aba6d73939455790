// The build tools of this machine, and what to type when one is missing.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

function works(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Which tools answer. CXX, CMAKE and PYTHON name others, as they do for the tools themselves. */
export function findTools() {
  return {
    compiler: works(process.env.CXX ?? 'c++', '--version') || works('g++', '--version'),
    cmake: works('cmake', '--version'),
    ninja: works('ninja', '--version'),
    make: works('make', '--version'),
    python: works(process.env.PYTHON ?? 'python3', '--version'),
  };
}

const packageManagers = [
  { ids: /debian|ubuntu/, command: 'apt-get install -y build-essential cmake' },
  { ids: /fedora|rhel|centos/, command: 'dnf install -y gcc-c++ make cmake' },
  { ids: /suse/, command: 'zypper install -y gcc-c++ make cmake' },
  { ids: /arch/, command: 'pacman -S --needed base-devel cmake' },
];

export function installCommand() {
  let release = '';
  try {
    release = readFileSync('/etc/os-release', 'utf8');
  } catch {
    // Unknown system: Debian's command is the best guess to adapt.
  }
  const ids = /^ID(_LIKE)?=.*$/gm;
  const found = (release.match(ids) ?? []).join(' ');
  const { command } = packageManagers.find((manager) => manager.ids.test(found)) ?? packageManagers[0];
  return process.getuid?.() === 0 ? command : `sudo ${command}`;
}

/** What is missing for a builder and the command that installs it; undefined when all is there. */
export function missingToolsMessage(tools, builder) {
  const missing = [];
  if (!tools.compiler) missing.push('a C++ compiler');
  if (builder === 'cmake' && !tools.cmake) missing.push('CMake');
  if (builder === 'cmake' && !tools.ninja && !tools.make) missing.push('Ninja or Make');
  if (builder === 'gyp' && !tools.make) missing.push('Make');
  if (builder === 'gyp' && !tools.python) missing.push('CMake (or Python 3 for node-gyp)');
  if (missing.length === 0) return undefined;
  return `the native addon cannot be built: ${missing.join(' and ')} not found. Install what is missing and try again:\n\n    ${installCommand()} && npm install\n`;
}
