import { stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { UserError } from './errors.js';

/** A folder that one process of this machine works on. */
export interface FolderClaim {
  release(): Promise<void>;
}

/**
 * Claims a folder for this process. The claim ends with the process, however that ends: it is the name of an
 * abstract socket, which the kernel frees. Other machines that share the folder do not see it.
 * @param doing "trains in it"
 * @throws UserError naming the process that has it
 */
export async function claimFolder(folder: string, doing: string): Promise<FolderClaim> {
  const { dev, ino } = await stat(folder, { bigint: true });
  const name = `\0rareface-folder-${dev}-${ino}`;
  // Whoever asks is told whose it is.
  const server = createServer((socket) =>
    socket.on('error', () => undefined).end(String(process.pid), () => socket.destroy()),
  ).unref();
  try {
    await listen(server, name);
  } catch (error) {
    // Where such sockets are forbidden, work goes on as it would without them.
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') return { release: () => Promise.resolve() };
    const holder = await holderOf(name);
    throw new UserError(
      `${folder} is in use: ${holder === undefined ? 'another process' : `process ${holder}`} ${doing}. ` +
        `Wait until it ends, or stop it${holder === undefined ? '' : ` (kill -INT ${holder})`}.`,
    );
  }
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, exclusive: true }, resolve);
  });

/** @returns undefined where it does not say: it may just have ended */
const holderOf = (name: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    let text = '';
    const socket = connect(name).setEncoding('utf8').setTimeout(1000);
    const end = () => {
      socket.destroy();
      resolve(text === '' ? undefined : text);
    };
    socket
      .on('data', (chunk: string) => (text += chunk))
      .on('end', end)
      .on('error', end)
      .on('timeout', end);
  });
