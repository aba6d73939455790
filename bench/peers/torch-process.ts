import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { firstLineOf } from '../../ts/base/errors.js';

/** What torch_peer.py takes; it says more on each. */
export interface TorchSettings {
  readonly peer: string;
  readonly task: 'step' | 'trunk' | 'perceptual' | 'infer' | 'generate';
  readonly batch: number;
  readonly size: number;
  readonly threads: number;
  readonly network: Readonly<Record<string, unknown>>;
  readonly channels_last?: boolean;
  readonly group_norm?: boolean;
  readonly merge?: boolean;
  /** true, or a mode of torch.compile. */
  readonly compile?: boolean | 'reduce-overhead';
  readonly bfloat16?: boolean;
  readonly tf32?: boolean;
  readonly captured?: boolean;
  readonly device?: 'cpu' | 'cuda';
  readonly onnx?: string;
}

/** One line of its answers. */
type Answer = Readonly<Record<string, unknown>>;

const script = fileURLToPath(new URL('./torch_peer.py', import.meta.url));

/** One configuration of PyTorch in a process of its own, which runs it once whenever it is asked to. */
export class TorchProcess {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly waiting: { resolve(answer: Answer): void; reject(error: Error): void }[] = [];
  private readonly ended: Promise<void>;
  /** The end of what it printed on stderr. */
  private printed = '';
  private dead = false;

  private constructor(python: string, file: string, settings: TorchSettings) {
    this.child = spawn(python, [file, JSON.stringify(settings)], { stdio: 'pipe' });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.printed = (this.printed + text).slice(-4000);
    });
    // Its end is told by 'close'; writing to it then is no error of its own.
    this.child.stdin.on('error', () => undefined);
    createInterface({ input: this.child.stdout }).on('line', (line) => this.take(line));
    this.ended = new Promise((resolve) => {
      const end = (why: string) => {
        this.dead = true;
        for (const { reject } of this.waiting.splice(0)) reject(new Error(why));
        resolve();
      };
      this.child.on('error', (error) => end(`${python} does not start: ${error.message}`));
      this.child.on('close', (code, signal) => {
        const last = this.printed.trim().split('\n').at(-1);
        end(`${python} ended with ${signal ?? `exit code ${code}`}${last ? `: ${last}` : ''}`);
      });
    });
  }

  /**
   * Starts a process and waits until it has run once.
   * @param file the script, torch_peer.py or one that answers as it does
   * @throws Error with its own words when it fails
   */
  static async start(python: string, settings: TorchSettings, file = script): Promise<TorchProcess> {
    const started = new TorchProcess(python, file, settings);
    try {
      await started.answer();
      return started;
    } catch (error) {
      await started.close();
      throw error;
    }
  }

  /** Runs once. Milliseconds by its own clock. */
  async run(): Promise<number> {
    return this.ask('run', 'ms');
  }

  /** The most memory that it held so far. */
  async peakMiB(): Promise<number> {
    return this.ask('peak', 'peakMiB');
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.child.stdin.end();
    // A failed import of PyTorch may hang in its own threads at exit.
    const kill = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await this.ended;
    clearTimeout(kill);
  }

  private async ask(command: string, value: string): Promise<number> {
    const answered = this.answer();
    this.child.stdin.write(`${command}\n`);
    const found = (await answered)[value];
    if (typeof found !== 'number') throw new Error(`Expected a number for ${value} from PyTorch's process.`);
    return found;
  }

  private answer(): Promise<Answer> {
    if (this.dead) return Promise.reject(new Error("PyTorch's process has ended."));
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  private take(line: string): void {
    const waiting = this.waiting.shift();
    let answer: Answer;
    try {
      answer = JSON.parse(line) as Answer;
    } catch {
      waiting?.reject(new Error(`Expected JSON from PyTorch's process but received: ${line}`));
      return;
    }
    if (typeof answer['error'] === 'string') waiting?.reject(new Error(firstLineOf(answer['error'])));
    else waiting?.resolve(answer);
  }
}
