//! `callwright lsp`: the language server for editors.

use std::io::{self, BufReader};
use std::process::ExitCode;

use clap::Args;

use super::rules::RulesArgs;
use crate::lsp;

/// Helps editors with flows, scripts and cadences, over standard input and output.
///
/// Problems as you type, completion, documentation, go to definition, references, rename, outline, fixes, and how a text sounds.
/// It serves files below folders called `flows` and `cadences`; test files (`*.test.yaml`) are left alone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  callwright lsp\n  callwright lsp --rules rules\n\n`callwright lsp --help` shows how editors start it.", after_long_help = HELP)]
pub struct LspArgs {
    /// Standard input and output, which is the only way there is; editors add it by habit.
    #[arg(long)]
    stdio: bool,
    #[command(flatten)]
    rules: RulesArgs,
}

const HELP: &str = "\
Examples: editors start `callwright lsp` themselves. With `callwright` on the PATH:

Neovim 0.11 or newer, in init.lua:
  vim.lsp.config('callwright', {
    cmd = { 'callwright', 'lsp' }, filetypes = { 'yaml' }, root_markers = { 'flows', 'cadences' },
  })
  vim.lsp.enable('callwright')

Neovim 0.7 to 0.10, in init.lua:
  vim.api.nvim_create_autocmd('BufReadPost', {
    pattern = { '*/flows/*.yaml', '*/cadences/*.yaml' },
    callback = function()
      local id = vim.lsp.start_client({ name = 'callwright', cmd = { 'callwright', 'lsp' }, root_dir = vim.fn.getcwd() })
      vim.lsp.buf_attach_client(0, id)
    end,
  })

Helix, in languages.toml:
  [language-server.callwright]
  command = \"callwright\"
  args = [\"lsp\"]

  [[language]]
  name = \"yaml\"
  language-servers = [\"callwright\", \"yaml-language-server\"]

VS Code starts foreign servers through an extension, such as \"Generic LSP Client (v2)\" (zsol.vscode-glspc), in settings.json:
  \"glspc.server.command\": \"callwright\",
  \"glspc.server.commandArguments\": [\"lsp\"],
  \"glspc.server.languageId\": [\"yaml\"]

How a place sounds: the command `callwright.preview` (or the request `callwright/preview`) takes
  { \"textDocument\": { \"uri\": … }, \"position\": { \"line\": …, \"character\": … } }
and answers { \"title\", \"markdown\", \"texts\": [{ \"script\", \"name\", \"language\", \"text\" }] }.

Exit code 0 after `shutdown` and `exit`, 1 when the client leaves without.";

pub fn run(args: &LspArgs) -> anyhow::Result<ExitCode> {
    let rules = args.rules.load()?;
    let is_proper = lsp::serve(BufReader::new(io::stdin()), io::stdout().lock(), rules)?;
    Ok(if is_proper { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
