const [status, reason, log] = ['status', 'reason', 'log'].map((id) => document.getElementById(id));

function note(text) {
  const line = document.createElement('li');
  line.textContent = `${new Date().toLocaleTimeString()}  ${text}`;
  log.prepend(line);
}

async function look() {
  let text, told, isServed, language;
  try {
    const answer = await fetch('/me', { headers: { accept: 'application/json' } });
    const body = await answer.json();
    isServed = answer.ok;
    text = isServed ? `Signed in as ${body.person}` : `Signed out (${answer.status})`;
    told = body.reason ?? '';
    language = answer.headers.get('content-language');
  } catch {
    [text, told, isServed] = ['Nobody answers', '', false];
  }
  if (text !== status.textContent || told !== reason.textContent) {
    [status.textContent, reason.textContent] = [text, told];
    reason.lang = language ?? 'en';
    status.className = isServed ? 'status ok' : 'status refused';
    note(`${text} ${told}`);
  }
  setTimeout(look, 250);
}

note(status.textContent);
look();
