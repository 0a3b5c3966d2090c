# SPDX-License-Identifier: Apache-2.0
"""Python as generators write it, with what each piece returns, and with the words of its refusal."""

FILES = {"words.txt": b"gr\xc3\xbcezi\r\nhello\n", "dot.bin": bytes(range(256)), "index.html": b"<h1>Hi</h1>"}

WORKS = [
    ("the environment is empty", "import os; return [dict(os.environ), os.getenv('HOME', 'none')]", [{}, "none"]),
    ("the environment can be set", "import os; os.environ['A'] = '1'; return os.environ['A']", "1"),
    ("os.path works", "import os; return os.path.join('a', '..', 'b')", "a/../b"),
    ("the app is in a folder", "import os; return [os.getcwd(), __file__]", ["/app", "/app/app.py"]),
    ("random bytes", "import os; return len(os.urandom(7))", 7),
    ("the files of the app are listed", "import os; return sorted(os.listdir())", ["app.py", *sorted(FILES)]),
    ("the root has two folders", "import os; return sorted(os.listdir('/'))", ["app", "dev", "tmp"]),
    ("a page beside the code", "with open('index.html') as file: return file.read()", "<h1>Hi</h1>"),
    (
        "a page by the folder of the code",
        "import os; return open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'index.html')).read()",
        "<h1>Hi</h1>",
    ),
    (
        "a page by pathlib",
        "from pathlib import Path; return (Path(__file__).resolve().parent / 'index.html').read_text()",
        "<h1>Hi</h1>",
    ),
    (
        "a page by importlib.resources",
        "from importlib import resources; return (resources.files(__name__) / 'index.html').read_text()",
        "<h1>Hi</h1>",
    ),
    ("a page by pkgutil", "import pkgutil; return pkgutil.get_data(__name__, 'index.html').decode()", "<h1>Hi</h1>"),
    ("lines of a text", "return [line.rstrip() for line in open('words.txt', encoding='utf-8')]", ["grüezi", "hello"]),
    ("bytes of a file", "return sum(open('dot.bin', 'rb').read())", 255 * 128),
    ("a part of a file", "file = open('dot.bin', 'rb'); file.seek(-3, 2); return list(file.read(2))", [253, 254]),
    ("the size of a file", "import os; return os.path.getsize('dot.bin')", 256),
    ("a file in /tmp", "open('/tmp/a', 'w').write('x'); return open('/tmp/a').read()", "x"),
    ("/tmp of another request is gone", "import os; return os.listdir('/tmp')", []),
    (
        "a file is appended to",
        """
        for word in ('a', 'b'):
            with open('/tmp/a', 'a') as file: print(word, file=file)
        return open('/tmp/a').read()
        """,
        "a\nb\n",
    ),
    (
        "a file is read and written",
        """
        with open('/tmp/a', 'w+b') as file:
            file.write(b'hello'); file.seek(1); file.write(b'a'); file.seek(0)
            return [file.read().decode(), file.truncate(2), open('/tmp/a').read()]
        """,
        ["hallo", 2, "ha"],
    ),
    (
        "folders are made, walked and removed",
        """
        import os, shutil
        os.makedirs('/tmp/a/b/c'); open('/tmp/a/b/f.txt', 'w').close()
        walked = [[folder, sorted(folders), files] for folder, folders, files in os.walk('/tmp/a')]
        shutil.rmtree('/tmp/a')
        return [walked, os.path.exists('/tmp/a')]
        """,
        [[["/tmp/a", ["b"], []], ["/tmp/a/b", ["c"], ["f.txt"]], ["/tmp/a/b/c", [], []]], False],
    ),
    (
        "a file is moved and copied",
        """
        import os, shutil
        open('/tmp/a', 'w').write('x'); os.rename('/tmp/a', '/tmp/b'); shutil.copy('/tmp/b', '/tmp/c')
        shutil.move('/tmp/b', '/tmp/d'); shutil.copy2('index.html', '/tmp')
        return sorted(os.listdir('/tmp'))
        """,
        ["c", "d", "index.html"],
    ),
    (
        "a folder is moved with what is in it",
        """
        import os
        os.mkdir('/tmp/a'); open('/tmp/a/f', 'w').write('x'); os.replace('/tmp/a', '/tmp/b')
        return [open('/tmp/b/f').read(), os.listdir('/tmp')]
        """,
        ["x", ["b"]],
    ),
    (
        "a temporary file",
        """
        import os, tempfile
        with tempfile.NamedTemporaryFile('w+', suffix='.txt') as file:
            file.write('x'); file.flush()
            inside = [open(file.name).read(), file.name.startswith('/tmp/')]
        return [inside, os.path.exists(file.name)]
        """,
        [["x", True], False],
    ),
    ("an unnamed temporary file", "import tempfile\nwith tempfile.TemporaryFile() as f: return f.write(b'ab')", 2),
    (
        "a temporary folder",
        """
        import os, pathlib, tempfile
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / 'a.txt').write_text('x')
            names = os.listdir(folder)
        return [names, os.path.exists(folder)]
        """,
        [["a.txt"], False],
    ),
    (
        "a file by number",
        """
        import os, tempfile
        number, path = tempfile.mkstemp()
        os.write(number, b'abc'); os.lseek(number, 1, os.SEEK_SET)
        read = os.read(number, 9).decode(); size = os.fstat(number).st_size
        os.close(number); os.unlink(path)
        return [read, size, os.path.exists(path)]
        """,
        ["bc", 3, False],
    ),
    ("a file found by pattern", "import glob; return glob.glob('*.html')", ["index.html"]),
    ("files found by pathlib", "from pathlib import Path; return [p.name for p in Path().glob('*.bin')]", ["dot.bin"]),
    ("the null device", "import os\nwith open(os.devnull, 'w') as file: return file.write('gone')", 4),
    (
        "csv from a file",
        """
        import csv
        with open('/tmp/a.csv', 'w', newline='') as file: csv.writer(file).writerow(['a', 'b,c'])
        with open('/tmp/a.csv', newline='') as file: return list(csv.reader(file))
        """,
        [["a", "b,c"]],
    ),
    (
        "an archive in memory",
        """
        import io, zipfile
        data = io.BytesIO()
        with zipfile.ZipFile(data, 'w', zipfile.ZIP_DEFLATED) as file: file.writestr('a.txt', 'x' * 100)
        return zipfile.ZipFile(data).read('a.txt').decode()
        """,
        "x" * 100,
    ),
    (
        "archives of files",
        """
        import os, shutil, tarfile
        os.makedirs('/tmp/in'); open('/tmp/in/a', 'w').write('x')
        made = [shutil.make_archive('/tmp/out', kind, '/tmp/in') for kind in ('zip', 'gztar')]
        shutil.unpack_archive(made[0], '/tmp/unpacked')
        return [made, tarfile.open(made[1]).getnames(), open('/tmp/unpacked/a').read()]
        """,
        [["/tmp/out.zip", "/tmp/out.tar.gz"], [".", "./a"], "x"],
    ),
    ("gzip", "import gzip; return gzip.decompress(gzip.compress(b'a' * 50)).decode()", "a" * 50),
    (
        "a time zone",
        """
        from datetime import datetime
        from zoneinfo import ZoneInfo
        winter = datetime(2026, 11, 30, 9, tzinfo=ZoneInfo('Europe/Zurich'))
        return [f'{winter:%Y%m%dT%H%M%S%z}', winter.astimezone(ZoneInfo('Asia/Tokyo')).isoformat()]
        """,
        ["20261130T090000+0100", "2026-11-30T17:00:00+09:00"],
    ),
    (
        "summer time",
        """
        from datetime import datetime, UTC
        from zoneinfo import ZoneInfo
        return datetime(2040, 7, 1, tzinfo=UTC).astimezone(ZoneInfo('America/New_York')).tzname()
        """,
        "EDT",
    ),
    ("all zones", "import zoneinfo; return len(zoneinfo.available_timezones()) > 590", True),
    (
        "a message by email",
        """
        from email.message import EmailMessage
        message = EmailMessage()
        message['Subject'], message['To'] = 'Grüezi', 'a@example.com'
        message.set_content('text'); message.add_alternative('<p>text</p>', subtype='html')
        import email, email.policy
        read = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
        return [read['subject'], read.get_body(('html',)).get_content().strip()]
        """,
        ["Grüezi", "<p>text</p>"],
    ),
    (
        "the older way of email",
        """
        from email.mime.multipart import MIMEMultipart
        from email.mime.text import MIMEText
        from email.utils import formataddr, parseaddr
        message = MIMEMultipart(); message.attach(MIMEText('ä', 'plain', 'utf-8'))
        return ['multipart' in message.as_string(), parseaddr(formataddr(('A', 'a@b.ch')))]
        """,
        [True, ["A", "a@b.ch"]],
    ),
    ("a content type", "import mimetypes; return mimetypes.guess_type('a.svg')[0]", "image/svg+xml"),
    ("pure paths", "from pathlib import PurePosixPath as P; return str(P('/a/b.txt').with_suffix('.md'))", "/a/b.md"),
    ("cookies", "from http.cookies import SimpleCookie; return SimpleCookie('a=1; b=2')['b'].value", "2"),
    ("the source of a function", "import inspect; return inspect.getsource(told).splitlines()[0]", "def told(error):"),
    ("a signature", "import inspect; return str(inspect.signature(told))", "(error)"),
    ("the locale", "import locale; locale.setlocale(locale.LC_ALL, ''); return locale.getlocale()[0]", "C"),
    ("a template string", "name = 'x'; return t'hello {name}'.values[0]", "x"),
    (
        "arguments",
        "import argparse; p = argparse.ArgumentParser(); p.add_argument('-n'); return p.parse_args(['-n', '2']).n",
        "2",
    ),
    ("no arguments", "import sys; return sys.argv", ["app.py"]),
    ("a lock", "import threading\nlock = threading.Lock()\nwith lock: return lock.locked()", True),
    (
        "a lock is not waited for",
        "import threading\nlock = threading.Lock(); lock.acquire(); return lock.acquire(timeout=3)",
        False,
    ),
    ("a reentrant lock", "import threading\nlock = threading.RLock()\nwith lock:\n    with lock: return 1", 1),
    (
        "an event",
        "import threading; e = threading.Event(); e.set(); return [e.wait(), threading.Event().wait(2)]",
        [True, False],
    ),
    ("locals of a thread", "import threading; held = threading.local(); held.a = 1; return held.a", 1),
    ("a semaphore", "import threading\nwith threading.BoundedSemaphore(2): return 1", 1),
    ("a queue", "import queue; q = queue.Queue(); q.put(1); q.task_done; return [q.get(), q.empty()]", [1, True]),
    ("an empty queue", "import queue\ntry: queue.Queue().get(timeout=2)\nexcept queue.Empty: return 'empty'", "empty"),
    ("a simple queue", "import queue; q = queue.SimpleQueue(); q.put(1); return q.get()", 1),
    (
        "a pool runs in place",
        """
        from concurrent.futures import ThreadPoolExecutor, as_completed
        with ThreadPoolExecutor(max_workers=4) as pool:
            futures = [pool.submit(pow, 2, n) for n in range(3)]
            return [list(pool.map(abs, [-1, 2])), sorted(f.result() for f in as_completed(futures))]
        """,
        [[1, 2], [1, 2, 4]],
    ),
    (
        "a pool keeps exceptions",
        "from concurrent import futures; return told(futures.ThreadPoolExecutor().submit(int, 'x').exception())",
        "ValueError: invalid literal for int() with base 10: 'x'",
    ),
    (
        "pickled",
        "import pickle, datetime; return str(pickle.loads(pickle.dumps(datetime.date(2026, 1, 2))))",
        "2026-01-02",
    ),
    (
        "a password",
        "import hashlib; return hashlib.pbkdf2_hmac('sha256', b'password', b'salt', 2, 40).hex()",
        "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43830651afcb5c862f",
    ),
    (
        "what hashlib guarantees",
        "import hashlib; return sorted(n for n in hashlib.algorithms_guaranteed if not hashlib.new(n).name)",
        [],
    ),
    (
        "a name of Unicode",
        "import unicodedata; return unicodedata.normalize('NFD', 'é') + unicodedata.name('€')",
        "e\u0301EURO SIGN",
    ),
    (
        "an old encoding",
        "return ['ä'.encode('cp437').hex(), 'あ'.encode('shift_jis').hex(), b'+AOQ-'.decode('utf-7')]",
        ["84", "82a0", "ä"],
    ),
    (
        "no such encoding",
        "try: 'a'.encode('nothing')\nexcept LookupError as error: return str(error)",
        "unknown encoding: nothing",
    ),
    ("a rare module", "import plistlib; return plistlib.loads(plistlib.dumps({'a': 1}))", {"a": 1}),
    ("a module of a rare package", "from unittest import mock; return mock.Mock(return_value=3)()", 3),
    (
        "xml by minidom",
        "from xml.dom import minidom; return minidom.parseString('<a><b/></a>').documentElement.tagName",
        "a",
    ),
    (
        "settings",
        "import configparser; p = configparser.ConfigParser(); p.read_string('[a]\\nb=1'); return p['a'].getint('b')",
        1,
    ),
    (
        "the platform",
        "import platform; return [platform.system(), platform.python_implementation()]",
        ["WASI", "CPython"],
    ),
    ("the user", "import getpass\ntry: return getpass.getuser()\nexcept OSError: return 'nobody'", "nobody"),
    ("the processors", "import os; return os.cpu_count()", 1),
    (
        "the clocks",
        "import time; return [time.process_time() >= 0, time.get_clock_info('monotonic').monotonic]",
        [True, True],
    ),
    ("how fine the clocks are", "import time; return time.clock_getres(time.CLOCK_MONOTONIC) > 0", True),
    ("a pause of no length", "import time; return time.sleep(0)", None),
    (
        "a unique number",
        "import uuid; return [len(str(uuid.uuid1())), uuid.uuid4().version, uuid.uuid7().version]",
        [36, 4, 7],
    ),
    ("the size of a terminal", "import shutil; return shutil.get_terminal_size().columns", 80),
    ("a context for TLS", "import ssl; return ssl.create_default_context().check_hostname", True),
    ("a request is prepared", "import urllib.request; return urllib.request.Request('https://a.ch/b').host", "a.ch"),
    (
        "addresses",
        "import socket; return [socket.inet_aton('1.2.3.4').hex(), socket.gethostname()]",
        ["01020304", "app"],
    ),
    (
        "the trace of an error",
        "import traceback\ntry: 1 / 0\nexcept ZeroDivisionError: return 'app.py' in traceback.format_exc()",
        True,
    ),
    ("a warning", "import warnings; warnings.warn('careful'); return 1", 1),
    (
        "a scheduler",
        "import sched, time; s = sched.scheduler(time.time, time.sleep); s.enter(0, 1, print); return s.run(False)",
        None,
    ),
    ("timed", "import timeit; return timeit.timeit('1', number=10) >= 0", True),
    ("a debugger is ignored", "breakpoint(); return 1", 1),
    ("tests", "import unittest; return unittest.TestCase().assertEqual(1, 1)", None),
]

SOCKETS = "apps reach the network through connectors only: use `await tools.call(connector, tool, ...)`, or"
FAILS = [
    ("opening what is not there", "open('/etc/passwd')", "FileNotFoundError: [Errno 44] No such file or directory"),
    ("listing what is not there", "import os; os.listdir('/etc')", "FileNotFoundError"),
    ("writing beside the code", "open('app.py', 'a')", "the files of the app cannot be written; write to /tmp"),
    ("a new file beside the code", "open('new.txt', 'w')", "the files of the app cannot be written; write to /tmp"),
    ("removing a file of the app", "import os; os.remove('app.py')", "cannot be written"),
    ("a mode that is none", "open('app.py', 'rw')", "ValueError: invalid mode: 'rw'"),
    ("a folder as a file", "open('/tmp')", "IsADirectoryError"),
    ("a file as a folder", "open('app.py/x')", "NotADirectoryError"),
    ("a file that is there", "open('/tmp/a', 'w'); open('/tmp/a', 'x')", "FileExistsError"),
    ("reading what is open for writing", "open('/tmp/a', 'w').read()", "UnsupportedOperation: not readable"),
    ("a folder that is not empty", "import os; os.makedirs('/tmp/a/b'); os.rmdir('/tmp/a')", "not empty"),
    ("a number that is none", "import os; os.read(77, 1)", "OSError: [Errno 8]"),
    ("more than fits in /tmp", "open('/tmp/a', 'wb', 0).write(bytes(4 * 2**20 + 1))", "/tmp holds at most 4 MiB"),
    (
        "more files than fit in /tmp",
        "for n in range(257): open(f'/tmp/{n}', 'w').close()",
        "at most 256 files and folders",
    ),
    ("a link", "import os; os.symlink('app.py', '/tmp/a')", "apps have no links"),
    ("a pipe", "import os; os.pipe()", "apps have no pipes"),
    ("a command", "import os; os.system('ls')", "apps have no processes"),
    ("a command with its output", "import os; os.popen('ls')", "apps have no processes"),
    ("a fork", "import os; os.fork()", "apps have no processes"),
    ("a program", "import os; os.execvp('ls', ['ls'])", "apps have no processes"),
    ("the end of the process", "import os; os._exit(1)", "apps have no processes"),
    ("an abort", "import os; os.abort()", "apps have no processes"),
    ("asking for input", "input('name? ')", "EOFError"),
    ("a pause", "import time; time.sleep(0.1)", "use `await asyncio.sleep(...)`"),
    ("a thread", "import threading; threading.Thread(target=print).start()", "apps have no threads"),
    ("a timer", "import threading; threading.Timer(1, print).start()", "apps have no threads"),
    ("a lock forever", "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()", "wait forever"),
    ("an event forever", "import threading; threading.Event().wait()", "wait forever"),
    ("an empty queue forever", "import queue; queue.Queue().get()", "wait forever"),
    (
        "processes",
        "from concurrent.futures import ProcessPoolExecutor; ProcessPoolExecutor()",
        "apps have no processes",
    ),
    ("urllib", "import urllib.request; urllib.request.urlopen('https://example.com/')", SOCKETS),
    ("urllib without TLS", "import urllib.request; urllib.request.urlopen('http://example.com/')", SOCKETS),
    ("http.client", "import http.client; http.client.HTTPSConnection('example.com').request('GET', '/')", SOCKETS),
    ("a socket", "import socket; socket.socket()", SOCKETS),
    ("a connection", "import socket; socket.create_connection(('example.com', 80))", SOCKETS),
    ("a name", "import socket; socket.gethostbyname('example.com')", SOCKETS),
    ("smtplib", "import smtplib; smtplib.SMTP('mail.example.com', 25)", SOCKETS),
    ("smtplib with TLS", "import smtplib; smtplib.SMTP_SSL('mail.example.com')", SOCKETS),
    ("ftplib", "import ftplib; ftplib.FTP('example.com')", SOCKETS),
    ("imaplib", "import imaplib; imaplib.IMAP4('example.com')", SOCKETS),
    ("poplib", "import poplib; poplib.POP3('example.com')", SOCKETS),
    ("xmlrpc", "import xmlrpc.client; xmlrpc.client.ServerProxy('http://example.com').a()", SOCKETS),
    (
        "a zone that is none",
        "from zoneinfo import ZoneInfo; ZoneInfo('Mars/Base')",
        "No time zone found with key Mars/Base",
    ),
    ("help", "help('os')", "Apps have no installed packages"),
    ("processes of the library", "import subprocess", "not available to apps: subprocess. Apps have no processes."),
    ("a part of a package", "from http import server", "not available to apps: http.server. The platform serves"),
    ("native code", "import ctypes", "not available to apps: ctypes. Apps cannot call native code."),
    ("a shared database", "import sqlite3\nsqlite3.connect('file::memory:?cache=shared')", "use one connection for it"),
    (
        "a function of Python in SQL",
        "import sqlite3\nsqlite3.connect('a').create_function('f', 0, int)",
        "do it in Python",
    ),
    ("a package for requests", "import requests", "not available to apps: requests. Apps reach the network"),
    ("a package for data", "import pandas as pd", "not available to apps: pandas. Packages with native code"),
    ("an unknown package", "import nothing", "not available to apps: nothing. `genapps modules` prints the list."),
    ("a private module", "import _socket", "not available to apps: _socket. It is private to Python."),
    ("by importlib", "import importlib; importlib.import_module('numpy')", "not available to apps: numpy"),
]
