import threading, time, httpx, json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
PIC=b"\x89PNG\r\n\x1a\n"+bytes(192)
class H(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-type","image/png" if "png" in self.path else "text/html"); self.send_header("content-length",str(len(PIC))); self.end_headers(); self.wfile.write(PIC)
s=ThreadingHTTPServer(("127.0.0.1",0),H); threading.Thread(target=s.serve_forever,daemon=True).start()
r=json.load(open(".local/sm/stack.json"))
print(r.keys())
api=httpx.Client(base_url=r["api_url"],headers={"x-api-key":r["api_key"]},timeout=30,trust_env=False)
pr=httpx.Client(base_url=r["console_url"],timeout=30,trust_env=False)
t=time.time()
u=f"http://127.0.0.1:{s.server_port}/a.png"
pr.post("/_provider/inbound",json={"from":"+12024010199","text":"Nice","media_urls":[u,u.replace("png","html")]}).raise_for_status()
for _ in range(40):
    m=api.get("/sms/threads/%2B12024010199").json()["messages"]
    if m and all("stored" in x for x in m[0]["media"]): break
    time.sleep(1)
print(time.time()-t, json.dumps(m,indent=1))
row=m[0]["media"][0]
d=httpx.get(row["download_url"],trust_env=False); print(d.status_code,d.headers,d.content==PIC)
print(api.get("/sms/messages",params={"from":"+12024010199"}).json()["messages"][0]["media"])
print(api.delete("/sms/recipients/%2B12024010199").json())
d=httpx.get(row["download_url"],trust_env=False); print(d.status_code)
