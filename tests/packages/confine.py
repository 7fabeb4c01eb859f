#!/usr/bin/env python3
"""Runs a program in a root under what a unit of systemd says, without systemd: mounts, user namespace, capabilities, seccomp.

  unshare --mount --ipc --propagation private confine.py ROOT UNIT[,DROP-IN...] PROGRAM...

Read from the unit as it is shipped, so the tests run what is installed.  A key of [Service] that is neither applied here nor
in NOT_APPLIED is an error: whoever adds a restriction decides.  The mounts end with the program.
"""
import ctypes
import os
import pwd
import resource
import subprocess
import sys

# Not imitated: what systemd does around the program, cgroups, keyrings; and what an unprivileged user cannot do anyway.
NOT_APPLIED = set("""Type NotifyAccess ExecStart ExecReload EnvironmentFile Restart RestartSec RestartPreventExitStatus WatchdogSec
	TimeoutStopSec TimeoutStartSec KillMode OOMPolicy TasksMax RuntimeDirectoryMode StateDirectoryMode LogsDirectoryMode
	ConfigurationDirectory ConfigurationDirectoryMode AmbientCapabilities RemoveIPC KeyringMode DevicePolicy ProtectControlGroups
	ProtectKernelTunables PrivateIPC PrivateMounts SystemCallArchitectures ProtectClock ProtectHostname ProtectKernelLogs
	ProtectKernelModules Group""".split())
LISTS = {"SystemCallFilter", "ExecPaths", "NoExecPaths", "ReadWritePaths", "RestrictAddressFamilies"}
FOLDERS = {"RuntimeDirectory": "/run", "StateDirectory": "/var/lib", "LogsDirectory": "/var/log"}
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}

EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NE, EQ, GT, MASKED_EQ = 1, 4, 6, 7
CLONE_NEWUSER, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 0x10000000, 24, 38
NAMESPACES = (0x20000, 0x2000000, 0x4000000, 0x8000000, CLONE_NEWUSER, 0x20000000, 0x40000000)

libc = ctypes.CDLL(None, use_errno=True)
seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
seccomp.seccomp_init.restype = ctypes.c_void_p


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def check(result, what):
    if result < 0:
        raise OSError(f"{what}: {result}, {os.strerror(ctypes.get_errno())}")


# ---- The unit

def settings_of(files):
    """Keys of [Service]; lists grow, an empty value empties them, of others the last counts."""
    found = {}
    for name in files:
        section = ""
        with open(name, encoding="utf-8") as f:
            lines = [line.strip() for line in f]
        for line in lines:
            if line.startswith("["):
                section = line
            elif section == "[Service]" and "=" in line and line[0] not in "#;":
                key, value = line.split("=", 1)
                if key in LISTS:
                    found[key] = found.get(key, []) + [value] if value else []
                else:
                    found[key] = value
    return found


class Unit:
    def __init__(self, files):
        self.settings = settings_of(files)
        self.asked = set()

    def __call__(self, key):
        self.asked.add(key)
        return self.settings.get(key, [] if key in LISTS else "")

    def yes(self, key):
        return self(key) == "yes"

    def words(self, key):
        return [w for value in self(key) for w in value.split()]

    def forgotten(self):
        return set(self.settings) - self.asked - NOT_APPLIED


# ---- Mounts

def mount(*words):
    subprocess.run(["mount", *words], check=True)


def within(root, path):
    """Where path is once links inside of the root are followed."""
    return subprocess.run(["chroot", root, "realpath", "-m", path], check=True, capture_output=True, text=True).stdout.strip()


def devices(root):
    mount("-t", "tmpfs", "-o", "mode=755,nosuid", "tmpfs", root + "/dev")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        with open(f"{root}/dev/{name}", "w", encoding="utf-8"):
            pass
        mount("--bind", "/dev/" + name, f"{root}/dev/{name}")


def mounts(root, unit):
    if unit("ProtectSystem") != "strict" or "/" not in unit.words("NoExecPaths"):
        raise ValueError("written for ProtectSystem=strict and NoExecPaths=/")
    writable = [f"{place}/{unit(key)}" for key, place in FOLDERS.items()] + unit.words("ReadWritePaths")
    executable = sorted({within(root, p) for p in unit.words("ExecPaths") if os.path.exists(root + p)})
    mount("--bind", root, root)
    for path in executable + writable:
        mount("--bind", root + path, root + path)
    mount("-o", "remount,bind,ro,nosuid,noexec", root)
    for path in executable:
        mount("-o", "remount,bind,ro,nosuid", root + path)
    for path in writable:
        mount("-o", "remount,bind,rw,nosuid,noexec", root + path)
    if unit.yes("PrivateDevices"):
        devices(root)
    if unit.yes("PrivateTmp"):
        for path in ("/tmp", "/var/tmp"):
            mount("-t", "tmpfs", "-o", "mode=1777,nosuid,noexec", "tmpfs", root + path)
    if unit.yes("ProtectHome"):
        for path in ("/root", "/home"):
            mount("-t", "tmpfs", "-o", "ro,mode=000", "tmpfs", root + path)
    options = ["hidepid=" + unit("ProtectProc"), *(["subset=pid"] if unit("ProcSubset") == "pid" else [])]
    mount("-t", "proc", "-o", "ro,nosuid,noexec," + ",".join(options), "proc", root + "/proc")
    mount("-o", "remount,bind,rw", root + "/proc")


# ---- The process

def user_namespace(uid, gid):
    """root and the unit's user are themselves, everybody else is nobody.  The maps are written from outside."""
    entered, done = os.pipe(), os.pipe()
    me, writer = os.getpid(), os.fork()
    if writer == 0:
        os.read(entered[0], 1)
        for name, own in (("uid_map", uid), ("gid_map", gid)):
            with open(f"/proc/{me}/{name}", "w", encoding="ascii") as f:
                f.write(f"0 0 1\n{own} {own} 1\n")
        os.write(done[1], b".")
        os._exit(0)
    check(libc.unshare(CLONE_NEWUSER), "unshare")
    os.write(entered[1], b".")
    os.close(done[1])
    if os.read(done[0], 1) != b".":
        raise OSError("the maps of the user namespace were not written")
    os.waitpid(writer, 0)


def credentials(unit, user):
    if unit("CapabilityBoundingSet") != "":
        raise ValueError("written for an empty CapabilityBoundingSet=")
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as f:
        last = int(f.read())
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]    # which a container may not raise
    limit = min(int(unit("LimitNOFILE")), hard) if hard != resource.RLIM_INFINITY else int(unit("LimitNOFILE"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if unit.yes("PrivateUsers"):
        user_namespace(user.pw_uid, user.pw_gid)
    for capability in range(last + 1):
        check(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "capability")


def leave_root(unit, user):
    os.setgroups([user.pw_gid])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.umask(int(unit("UMask"), 8))
    if unit.yes("NoNewPrivileges"):
        check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")


# ---- System calls

def load(default, rules):
    """Rules: (action, name, comparisons of arguments)."""
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(default)))
    for action, name, comparisons in rules:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            array = (Compare * max(1, len(comparisons)))(*(Compare(*c) for c in comparisons))
            check(seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(action), number, len(comparisons), array), name)
    check(seccomp.seccomp_load(context), "seccomp_load")


def calls_of(name):
    if not name.startswith("@"):
        return {name}
    out = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], check=True, capture_output=True, text=True).stdout
    words = [line.split("#")[0].strip() for line in out.split("\n")[1:]]
    return set().union(*(calls_of(w) for w in words if w))


def allowed(filters):
    """The first list allows, those with ~ take out, later ones put in again."""
    found = calls_of("@default")
    for text in filters:
        calls = set().union(*(calls_of(w) for w in text.lstrip("~").split()))
        found = found - calls if text.startswith("~") else found | calls
    return found


def filters_of(unit):
    """[(default, rules)], one a key, as systemd makes them."""
    deny = ERRNO | EPERM
    filters = []
    families = [FAMILIES[f] for f in unit.words("RestrictAddressFamilies")]
    filters.append((ALLOW, [(ERRNO | EAFNOSUPPORT, "socket", [(0, EQ, n, 0)]) for n in range(46) if n not in families] +
                    [(ERRNO | EAFNOSUPPORT, "socket", [(0, GT, 45, 0)])]))
    if unit.yes("RestrictNamespaces"):
        filters.append((ALLOW, [(deny, name, [(0, MASKED_EQ, n, n)]) for name in ("clone", "unshare") for n in NAMESPACES] +
                        [(deny, "setns", []), (ERRNO | ENOSYS, "clone3", [])]))
    if unit.yes("RestrictRealtime"):
        filters.append((ALLOW, [(deny, "sched_setscheduler", [(1, EQ, policy, 0)]) for policy in (1, 2, 6)]))
    if unit.yes("RestrictSUIDSGID"):
        places = {"chmod": 1, "fchmod": 1, "fchmodat": 2, "mkdir": 1, "mkdirat": 2, "mknod": 1, "mknodat": 2}
        filters.append((ALLOW, [(deny, name, [(at, MASKED_EQ, bit, bit)]) for name, at in places.items() for bit in (0o4000, 0o2000)]))
    if unit.yes("LockPersonality"):
        filters.append((ALLOW, [(deny, "personality", [(0, NE, 0, 0)])]))
    if unit.yes("MemoryDenyWriteExecute"):
        filters.append((ALLOW, [(deny, "mmap", [(2, MASKED_EQ, 6, 6)]), (deny, "mprotect", [(2, MASKED_EQ, 4, 4)]),
                                (deny, "pkey_mprotect", [(2, MASKED_EQ, 4, 4)]), (deny, "shmat", [(2, MASKED_EQ, 0o100000, 0o100000)])]))
    if unit("SystemCallErrorNumber") != "EPERM":
        raise ValueError("written for SystemCallErrorNumber=EPERM")
    calls = allowed(unit("SystemCallFilter"))
    filters.append((deny, [(ALLOW, name, []) for name in sorted(calls)]))
    return filters


def main():
    root, files, program = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
    unit = Unit(files)
    uid, gid = (int(w) for w in subprocess.run(["chroot", root, "sh", "-c", f"id -u {unit('User')}; id -g {unit('User')}"], check=True,
                                               capture_output=True, text=True).stdout.split())
    user = pwd.struct_passwd((unit("User"), "x", uid, gid, "", "/", "/bin/sh"))
    filters = filters_of(unit)
    mounts(root, unit)
    credentials(unit, user)
    os.chroot(root)
    os.chdir("/")
    leave_root(unit, user)
    if unit.forgotten():
        raise ValueError("neither applied nor known: " + " ".join(sorted(unit.forgotten())))
    for default, rules in filters:
        load(default, rules)
    os.execve(program[0], program, {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"})


if __name__ == "__main__":
    main()
