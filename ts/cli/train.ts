#!/usr/bin/env node
import { runCommand } from './command.js';
import { trainCommand } from './train-command.js';

await runCommand(() => trainCommand(process.argv.slice(2)));
