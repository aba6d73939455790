#!/usr/bin/env node
import { runCommand } from './command.js';
import { studyCommand } from './study-command.js';

await runCommand(() => studyCommand(process.argv.slice(2)));
