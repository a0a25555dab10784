"""The style and the script of a page, which stand in it.

Both are the same in every page, so that their hashes let them in (CSP level 3) and nothing else.
Without the script all works: it only spares people a tap or two.
"""

import base64
import hashlib

STYLE = """
:root{color-scheme:light dark;--ink:#1b1b1f;--soft:#55555e;--paper:#fff;--edge:#767680;
--main:#0b57d0;--on:#fff;--bad:#b3261e;--good:#146c2e}
@media(prefers-color-scheme:dark){:root{--ink:#e6e6ea;--soft:#b4b4be;--paper:#16161a;--edge:#8f8f9a;
--main:#a8c7fa;--on:#062e6f;--bad:#f2b8b5;--good:#8fd19e}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;
overflow-wrap:anywhere}
main{max-width:26rem;margin:0 auto;padding:1.5rem 1rem 2rem}
h1{font-size:1.5rem;line-height:1.25;margin:.25rem 0 1rem}
p{margin:0 0 1rem}
a{color:var(--main)}
.soft{color:var(--soft)}
.bad{color:var(--bad);font-weight:600}
.good{color:var(--good);font-weight:600}
label{display:block;font-weight:600;margin-bottom:.25rem}
input{display:block;width:100%;min-height:3rem;padding:.25rem .75rem;margin-bottom:1rem;
font:600 1.5rem/1.5 ui-monospace,monospace;letter-spacing:.15em;text-align:center;color:inherit;
background:var(--paper);border:.125rem solid var(--edge);border-radius:.5rem}
input[aria-invalid]{border-color:var(--bad)}
button{display:block;width:100%;min-height:3rem;padding:.5rem 1rem;margin:0 0 .75rem;font:inherit;
font-weight:600;color:var(--main);background:0 0;border:.125rem solid var(--main);
border-radius:.5rem;cursor:pointer}
button.main{color:var(--on);background:var(--main)}
button:disabled{color:var(--soft);border-color:var(--edge);cursor:default}
:focus-visible{outline:.1875rem solid var(--ink);outline-offset:.125rem}
"""

# WebOTP: https://wicg.github.io/web-otp/. A page that the browser kept may show what is over, and
# a field that it filled in again holds a code that was wrong.
SCRIPT = """
(function(){
'use strict';
var d=document,began=Date.now(),form=d.getElementById('guess'),code=d.getElementById('code'),
live=d.getElementById('live'),wait=d.getElementById('wait'),sent=false,otp;
function digits(){return code.value.replace(/[^\\p{Nd}]/gu,'')}
function submit(){if(!sent){form.requestSubmit()}}
function left(e){return Math.max(0,e.dataset.seconds-Math.floor((Date.now()-began)/1000))}
function show(e,s){e.textContent=Math.floor(s/60)+':'+('0'+s%60).slice(-2)}
function again(){return performance.getEntriesByType('navigation')[0].type!=='navigate'}
addEventListener('pageshow',function(e){if(e.persisted){location.reload()}
else if(code&&again()){code.value=''}});
if(!form){return}
form.addEventListener('submit',function(e){if(sent){e.preventDefault()}else{sent=true;otp&&otp.abort()}});
code.addEventListener('input',function(){if(digits().length===+code.dataset.length){submit()}});
if('OTPCredential' in window){
otp=new AbortController();
navigator.credentials.get({otp:{transport:['sms']},signal:otp.signal}).then(function(c){
if(c&&c.code){code.value=c.code;submit()}}).catch(function(){});
}
var until=d.getElementById('until'),rest=wait&&wait.querySelector('[data-seconds]'),
buttons=d.querySelectorAll('.again');
function tick(){
var s=left(until);show(until,s);
if(!s&&!sent){sent=true;location.replace(location.pathname);return}
if(rest){s=left(rest);show(rest,s);
buttons.forEach(function(b){b.disabled=s>0});
if(!s){wait.hidden=true;live.textContent=buttons[0].textContent;rest=null}}
setTimeout(tick,500);
}
tick();
})();
"""


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


STYLE_SOURCE = _source(STYLE)
SCRIPT_SOURCE = _source(SCRIPT)
