# SPDX-License-Identifier: Apache-2.0
"""The modules of the standard library that apps can import: those that work as documented, and those with limits."""

from collections.abc import Mapping

_WORK = """
__future__ abc annotationlib argparse array ast asyncio.base_events asyncio.base_futures asyncio.base_tasks
asyncio.constants asyncio.coroutines asyncio.events asyncio.exceptions asyncio.format_helpers asyncio.futures
asyncio.graph asyncio.locks asyncio.log asyncio.mixins asyncio.protocols asyncio.queues asyncio.runners
asyncio.staggered asyncio.taskgroups asyncio.tasks asyncio.threads asyncio.timeouts asyncio.transports asyncio.trsock
base64 binascii bisect builtins cProfile calendar cmath codecs codeop collections collections.abc colorsys compression
compression.gzip compression.zlib concurrent configparser contextlib contextvars copy copyreg csv dataclasses datetime
decimal difflib dis email email.base64mime email.charset email.contentmanager email.encoders email.errors
email.feedparser email.generator email.header email.headerregistry email.iterators email.message email.mime
email.mime.application email.mime.audio email.mime.base email.mime.image email.mime.message email.mime.multipart
email.mime.nonmultipart email.mime.text email.parser email.policy email.quoprimime email.utils enum errno fnmatch
fractions functools gc genericpath getopt gettext graphlib gzip heapq hmac html html.entities html.parser http
http.cookiejar http.cookies importlib importlib.abc importlib.machinery importlib.metadata.diagnose importlib.readers
importlib.resources.abc importlib.resources.readers importlib.resources.simple importlib.simple importlib.util inspect
ipaddress itertools json json.decoder json.encoder json.scanner json.tool keyword linecache marshal math mimetypes netrc
ntpath numbers opcode operator optparse pathlib.types pickle pickletools pkgutil plistlib posixpath pprint profile
pstats pyclbr pyexpat quopri random re reprlib secrets shlex sre_compile sre_constants sre_parse stat statistics string
string.templatelib stringprep struct symtable sysconfig tabnanny textwrap this timeit token tokenize tomllib traceback
tracemalloc types typing unicodedata unittest.async_case unittest.case unittest.loader unittest.main unittest.mock
unittest.result unittest.runner unittest.signals unittest.suite unittest.util urllib urllib.error urllib.parse
urllib.response uuid warnings wave weakref wsgiref wsgiref.handlers wsgiref.headers wsgiref.types wsgiref.util
wsgiref.validate xml xml.dom xml.dom.NodeFilter xml.dom.domreg xml.dom.expatbuilder xml.dom.minicompat xml.dom.minidom
xml.dom.pulldom xml.dom.xmlbuilder xml.etree xml.etree.ElementInclude xml.etree.ElementPath xml.etree.ElementTree
xml.etree.cElementTree xml.parsers xml.parsers.expat xml.sax xml.sax.expatreader xml.sax.handler xml.sax.saxutils
xml.sax.xmlreader xmlrpc zlib zoneinfo
"""
_CODECS = """
encodings.aliases encodings.ascii encodings.base64_codec encodings.big5 encodings.big5hkscs encodings.charmap
encodings.cp037 encodings.cp1006 encodings.cp1026 encodings.cp1125 encodings.cp1140 encodings.cp1250 encodings.cp1251
encodings.cp1252 encodings.cp1253 encodings.cp1254 encodings.cp1255 encodings.cp1256 encodings.cp1257 encodings.cp1258
encodings.cp273 encodings.cp424 encodings.cp437 encodings.cp500 encodings.cp720 encodings.cp737 encodings.cp775
encodings.cp850 encodings.cp852 encodings.cp855 encodings.cp856 encodings.cp857 encodings.cp858 encodings.cp860
encodings.cp861 encodings.cp862 encodings.cp863 encodings.cp864 encodings.cp865 encodings.cp866 encodings.cp869
encodings.cp874 encodings.cp875 encodings.cp932 encodings.cp949 encodings.cp950 encodings.euc_jis_2004
encodings.euc_jisx0213 encodings.euc_jp encodings.euc_kr encodings.gb18030 encodings.gb2312 encodings.gbk
encodings.hex_codec encodings.hp_roman8 encodings.hz encodings.idna encodings.iso2022_jp encodings.iso2022_jp_1
encodings.iso2022_jp_2 encodings.iso2022_jp_2004 encodings.iso2022_jp_3 encodings.iso2022_jp_ext encodings.iso2022_kr
encodings.iso8859_1 encodings.iso8859_10 encodings.iso8859_11 encodings.iso8859_13 encodings.iso8859_14
encodings.iso8859_15 encodings.iso8859_16 encodings.iso8859_2 encodings.iso8859_3 encodings.iso8859_4
encodings.iso8859_5 encodings.iso8859_6 encodings.iso8859_7 encodings.iso8859_8 encodings.iso8859_9 encodings.johab
encodings.koi8_r encodings.koi8_t encodings.koi8_u encodings.kz1048 encodings.latin_1 encodings.mac_arabic
encodings.mac_croatian encodings.mac_cyrillic encodings.mac_farsi encodings.mac_greek encodings.mac_iceland
encodings.mac_latin2 encodings.mac_roman encodings.mac_romanian encodings.mac_turkish encodings.palmos
encodings.ptcp154 encodings.punycode encodings.quopri_codec encodings.raw_unicode_escape encodings.rot_13
encodings.shift_jis encodings.shift_jis_2004 encodings.shift_jisx0213 encodings.tis_620 encodings.undefined
encodings.unicode_escape encodings.utf_16 encodings.utf_16_be encodings.utf_16_le encodings.utf_32 encodings.utf_32_be
encodings.utf_32_le encodings.utf_7 encodings.utf_8 encodings.utf_8_sig encodings.uu_codec encodings.zlib_codec
"""

AVAILABLE = tuple(sorted((*_WORK.split(), *_CODECS.split())))
"""They work as CPython documents them."""

LIMITED: Mapping[str, str] = {
    "atexit": "An app is ended from outside: what is registered does not run.",
    "cmd": "There is no terminal to read from.",
    "code": "There is no terminal to read from.",
    "asyncio": (
        "An app runs inside an event loop already: write `await` in place of `asyncio.run`. Timers, tasks, locks and "
        "queues work. `to_thread` runs the function at once. There are no streams and no subprocesses."
    ),
    "concurrent.futures": (
        "`ThreadPoolExecutor` runs what it gets at once, in place. `ProcessPoolExecutor` is not there."
    ),
    "concurrent.futures.thread": "As `concurrent.futures`.",
    "encodings": "All codecs but `bz2`, `mbcs` and `oem`.",
    "filecmp": "On the files of `os`.",
    "fileinput": "On the files of `os`.",
    "ftplib": "It can be imported. Whatever would connect raises an error: call a tool, `await tools.call(...)`.",
    "getpass": "`getuser` says `app`. There is no terminal to ask for a password.",
    "glob": "On the files of `os`.",
    "hashlib": (
        "`pbkdf2_hmac` is slower than elsewhere (one second for about 100,000 rounds). `scrypt` and the "
        "algorithms that only OpenSSL has, such as `ripemd160`, are not there."
    ),
    "http.client": "It can be imported. Whatever would connect raises an error: call a tool, `await tools.call(...)`.",
    "imaplib": "It can be imported. Whatever would connect raises an error: call a tool, `await tools.call(...)`.",
    "importlib.metadata": "No package is installed: `version` raises PackageNotFoundError.",
    "importlib.resources": "`files(__name__)` is the folder with the files of the app.",
    "io": "`open` as in `os`.",
    "locale": "Any name is taken for the locale `C`.",
    "logging": (
        "Records go into the log of the request: `basicConfig` sets the level and nothing else, and handlers of "
        "standard output and error add nothing."
    ),
    "logging.config": "As `logging`.",
    "logging.handlers": "Handlers that open sockets fail. Those that write files can write in /tmp.",
    "mailbox": "On the files of `os`.",
    "os": (
        "The environment is empty. Files are those of the app, which cannot be written, and /tmp: 4 MiB and 256 "
        "files in a request, gone at its end. There are no processes."
    ),
    "os.path": "As `os`.",
    "pathlib": "Pure paths, and the files of `os`.",
    "platform": "Says `WASI`, and nothing about the node.",
    "poplib": "It can be imported. Whatever would connect raises an error: call a tool, `await tools.call(...)`.",
    "queue": "What would wait for another thread raises an error.",
    "sched": "`run` cannot wait: use `run(blocking=False)`.",
    "shutil": "On the files of `os`. bzip2 and xz archives are not there.",
    "smtplib": "It can be imported. Whatever would connect raises an error: call a tool, `await tools.call(...)`.",
    "socket": (
        "Names and constants. Whatever would connect or listen raises an error: call a tool, `await tools.call(...)`."
    ),
    "sqlite3": (
        "Any file name is the app's own database, in one transaction with the request. `:memory:` is a database of the "
        "instance, gone with it. Functions in Python and `ATTACH` are not there."
    ),
    "sqlite3.dbapi2": "As `sqlite3`.",
    "ssl": "Contexts can be made. There is nothing to connect them to.",
    "sys": "`argv` has the entry file, `stdin` is empty, `path` is not searched. `exit` fails the request.",
    "tarfile": "On the files of `os`, or in memory. bzip2 and xz are not there.",
    "tempfile": "Files are in /tmp, see `os`.",
    "threading": "Locks, events and locals work. `Thread.start` raises an error, and so does what would wait forever.",
    "time": "`sleep` raises an error: use `await asyncio.sleep(...)`. Local time is UTC.",
    "unittest": "`IsolatedAsyncioTestCase` is not there.",
    "urllib.request": (
        "It can be imported. Whatever would connect raises an error: call a tool, `await tools.call(...)`."
    ),
    "urllib.robotparser": "`parse` works on text. `read` raises an error, as `urllib.request`.",
    "xmlrpc.client": (
        "It can be imported. Whatever would connect raises an error: call a tool, `await tools.call(...)`."
    ),
    "zipfile": "On the files of `os`, or in memory. bzip2 and xz are not there.",
}
"""They can be imported; the sentences say what does not work as documented."""
