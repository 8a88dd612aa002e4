for (const button of document.querySelectorAll('button')) {
  button.onclick = async () => {
    const begun = performance.now();
    const { deed, person } = button.dataset;
    const answer = await fetch(`/console/${deed}`, { method: 'POST', body: new URLSearchParams({ person }) });
    const line = document.createElement('li');
    const outcome = answer.ok ? `accepted after ${(performance.now() - begun).toFixed(1)} ms` : 'failed';
    line.textContent = `${new Date().toLocaleTimeString()}  ${person}: ${button.textContent}, ${outcome}`;
    document.getElementById('log').prepend(line);
  };
}
