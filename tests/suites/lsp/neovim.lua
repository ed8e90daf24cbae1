-- One author at work: opens files, types, asks, renames, leaves. What was seen goes to $SEEN as JSON.

local work, seen = vim.env.WORK, {}
local exit

local function fail(message)
  seen.failure = tostring(message)
end

local function finish()
  local file = io.open(vim.env.SEEN, 'w')
  file:write(vim.fn.json_encode(seen))
  file:close()
  vim.cmd('qall!')
end

local function main()
  local id = vim.lsp.start_client({
    name = 'callwright',
    cmd = { vim.env.SERVER, 'lsp', '--stdio' },
    root_dir = work,
    flags = { debounce_text_changes = 0 },
    on_exit = function(code, signal)
      exit = { code = code, signal = signal }
    end,
  })
  assert(vim.wait(20000, function()
    local client = vim.lsp.get_client_by_id(id)
    return client and client.initialized
  end), 'the server did not start')

  local function open(path)
    vim.cmd('silent edit ' .. vim.fn.fnameescape(work .. '/' .. path))
    vim.lsp.buf_attach_client(0, id)
    return vim.api.nvim_get_current_buf()
  end

  local function show(buffer)
    vim.api.nvim_set_current_buf(buffer)
  end

  -- Puts the cursor on the character after `before`, in the first line that holds it.
  local function go(before, offset)
    for number, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
      local _, last = line:find(before, 1, true)
      if last then
        vim.api.nvim_win_set_cursor(0, { number, last + (offset or 0) })
        return
      end
    end
    error('not found: ' .. before)
  end

  local function ask(method, params)
    local answers, problem = vim.lsp.buf_request_sync(0, method, params, 20000)
    assert(answers, problem)
    return answers[id].result, answers[id].error or answers[id].err
  end

  local function here()
    return vim.lsp.util.make_position_params(0, 'utf-16')
  end

  local function problems(buffer)
    local list = {}
    for _, each in ipairs(vim.diagnostic.get(buffer)) do
      table.insert(list, { line = each.lnum, message = each.message })
    end
    return list
  end

  local function wait_for_problems(buffer, count)
    vim.wait(20000, function()
      return #vim.diagnostic.get(buffer) == count
    end)
    return problems(buffer)
  end

  -- Types `text` in place of line `number` (from 0), asks what may stand at its `‸`, and takes it back.
  local function offered(number, text, choose)
    local column = text:find('‸', 1, true) - 1
    local typed = text:gsub('‸', '', 1)
    local before = vim.api.nvim_buf_get_lines(0, number, number + 1, false)
    vim.api.nvim_buf_set_lines(0, number, number + 1, false, { typed })
    vim.api.nvim_win_set_cursor(0, { number + 1, 0 })
    local params = here()
    local _, units = vim.str_utfindex(typed, column)
    params.position.character = units
    local items = ask('textDocument/completion', params)
    local chosen
    for _, item in ipairs(items) do
      if item.label == choose then
        vim.lsp.util.apply_text_edits({ item.textEdit }, vim.api.nvim_get_current_buf(), 'utf-16')
        chosen = vim.api.nvim_buf_get_lines(0, number, number + 1, false)[1]
      end
    end
    vim.api.nvim_buf_set_lines(0, number, number + 1, false, before)
    return items, chosen
  end

  local function labels(items)
    local list = {}
    for _, item in ipairs(items) do
      table.insert(list, item.label)
    end
    return list
  end

  local flow = open('flows/hello.yaml')
  local script = open('flows/scripts/hello.yaml')
  local cadence = open('cadences/hello.yaml')

  -- Problems.
  show(flow)
  seen.problems = { at_first = wait_for_problems(flow, 0) }
  local line = vim.api.nvim_buf_get_lines(flow, 3, 4, false)[1]
  vim.api.nvim_buf_set_lines(flow, 3, 4, false, { (line:gsub('question', 'questio')) })
  seen.problems.misspelt = wait_for_problems(flow, 1)
  vim.api.nvim_buf_set_lines(flow, 3, 4, false, { line })
  seen.problems.undone = wait_for_problems(flow, 0)
  vim.api.nvim_buf_set_lines(flow, 0, 1, false, { 'flow: hallo', 'script: hello' })
  seen.problems_elsewhere = wait_for_problems(cadence, 1)
  vim.api.nvim_buf_set_lines(flow, 0, 2, false, { 'flow: hello' })
  wait_for_problems(cadence, 0)

  -- Completion.
  seen.completion = {
    keys = labels(offered(3, '  greet: { ‸')),
    steps = labels(offered(3, '  greet: { say: greeting, next: ‸')),
    texts = labels(offered(3, '  greet: { say: ‸')),
  }
  show(cadence)
  seen.completion.outcomes = labels(offered(9, '      ‸'))
  seen.completion.flows = labels(offered(6, '    call: ‸'))
  seen.completion.statuses = labels(offered(3, 'enter: { when: lead.status == "‸" }'))
  show(script)
  seen.completion.fields = labels(offered(11, '      greeting: "नमस्ते 😀 {{ lead.‸'))
  seen.completion.filters = labels(offered(11, '      greeting: "नमस्ते 😀 {{ offer.savings | ‸'))
  local _, completed = offered(12, '      late: "नमस्ते 😀 {{ lead.fir‸ }}"', 'firstName')
  seen.completed = completed

  -- Hover.
  local function hover(buffer, before, offset)
    show(buffer)
    go(before, offset)
    return ask('textDocument/hover', here()).contents.value
  end
  seen.hover = {
    key = hover(flow, '    as'),
    text = hover(flow, 'say: greet'),
    outcome = hover(cadence, '      no_'),
  }

  -- Definitions and references.
  local function places(method, buffer, before, context)
    show(buffer)
    go(before)
    local params = here()
    params.context = context
    local list = {}
    for _, each in ipairs(ask(method, params)) do
      table.insert(list, { vim.uri_to_fname(each.uri):sub(#work + 2), each.range.start.line })
    end
    table.sort(list, function(a, b)
      return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2])
    end)
    return list
  end
  seen.definition = {
    flow = places('textDocument/definition', cadence, 'call: hel'),
    text = places('textDocument/definition', flow, 'say: greet'),
    step = places('textDocument/definition', flow, 'next: quest'),
    ending = places('textDocument/definition', cadence, '      finis'),
  }
  seen.references = places('textDocument/references', flow, 'flow: he', { includeDeclaration = true })

  -- Outline and search.
  show(flow)
  seen.outline = {}
  local outline = ask('textDocument/documentSymbol', { textDocument = vim.lsp.util.make_text_document_params() })
  for _, each in ipairs(outline[1].children) do
    table.insert(seen.outline, { each.name, each.detail })
  end
  seen.search = {}
  for _, each in ipairs(ask('workspace/symbol', { query = 'quest' })) do
    table.insert(seen.search, each.name)
  end

  -- How a step sounds.
  show(flow)
  go('  gre')
  seen.preview = ask('workspace/executeCommand', { command = 'callwright.preview', arguments = { here() } })

  -- A suggestion.
  show(cadence)
  vim.api.nvim_buf_set_lines(cadence, 6, 7, false, { '    call: helo' })
  wait_for_problems(cadence, 1)
  go('call: he')
  local range = vim.lsp.util.make_range_params(0, 'utf-16')
  range.context = { diagnostics = {} }
  for _, action in ipairs(ask('textDocument/codeAction', range)) do
    if action.edit then
      vim.lsp.util.apply_workspace_edit(action.edit, 'utf-16')
    end
  end
  seen.fixed = vim.api.nvim_buf_get_lines(cadence, 6, 7, false)[1]
  wait_for_problems(cadence, 0)

  -- Other names.
  local function rename(buffer, before, name)
    show(buffer)
    go(before)
    local params = here()
    params.newName = name
    local edit, problem = ask('textDocument/rename', params)
    if edit then
      vim.lsp.util.apply_workspace_edit(edit, 'utf-16')
    end
    return problem and problem.message
  end
  seen.refused = rename(flow, 'next: quest', 'two words')
  rename(flow, 'next: quest', 'pose')
  seen.renamed_step = vim.api.nvim_buf_get_lines(flow, 0, -1, false)
  rename(flow, 'say: greet', 'welcome')
  seen.renamed_text = {
    flow = vim.api.nvim_buf_get_lines(flow, 3, 4, false)[1],
    hindi = vim.api.nvim_buf_get_lines(script, 11, 12, false)[1],
  }

  -- The end.
  vim.lsp.stop_client(id)
  vim.wait(20000, function()
    return exit ~= nil
  end)
  seen.exit = exit
end

local ok, message = xpcall(main, debug.traceback)
if not ok then
  fail(message)
end
finish()
