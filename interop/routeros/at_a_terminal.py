"""Runs a program at a terminal of its own and answers what it asks there.

Arguments: a JSON list of [text to wait for, what is typed then], and the program with its
arguments. The last line is JSON: the exit code, all that the terminal showed, and for each thing
typed whether the terminal would have shown it.
"""

import json
import os
import pty
import select
import signal
import sys
import termios
import time

PATIENCE = 60.0
ECHO = 3


def waits_for(shown, begin, text):
    return text.encode() in shown[begin:]


def main():
    talk = json.loads(sys.argv[1])
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.argv[2], sys.argv[2:])
    shown, begin, echoes = b"", 0, []
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if talk and waits_for(shown, begin, talk[0][0]):
            text, typed = talk.pop(0)
            # The prompt is there a moment before the terminal is hushed.
            time.sleep(0.3)
            begin = len(shown)
            echoes.append(bool(termios.tcgetattr(terminal)[ECHO] & termios.ECHO))
            os.write(terminal, typed.encode())
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if not ready:
            continue
        try:
            some = os.read(terminal, 4096)
        except OSError:
            break
        if not some:
            break
        shown += some
    else:
        os.kill(child, signal.SIGKILL)
    after = bool(termios.tcgetattr(terminal)[ECHO] & termios.ECHO)
    _, status = os.waitpid(child, 0)
    print(json.dumps({
        "code": os.waitstatus_to_exitcode(status),
        "shown": shown.decode(errors="replace"),
        "echoes": echoes,
        "left": [text for text, _ in talk],
        "echo_after": after,
    }))


main()
