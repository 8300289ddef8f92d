"""How much memory of the machine is free. Without torch: whoever only starts other processes has no need of it."""

_UNKNOWN = 4 << 30
_GROUP = "/sys/fs/cgroup"


def shared_memory() -> int:
    """Bytes that processes other than this one can take, too: of the machine, or of the container's limit where that is less."""
    found = [n for n in (_of_machine(), _of_container()) if n is not None]
    return max(0, min(found, default=_UNKNOWN))


def _of_machine() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(
                (int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable")), None
            )
    except OSError:
        return None


def _of_container() -> int | None:
    """What is left below the limit of the control group; pages of files that can be let go do not count."""
    try:
        with open(f"{_GROUP}/memory.max", encoding="ascii") as file:
            limit = int(file.read())  # "max" where there is none
        with open(f"{_GROUP}/memory.current", encoding="ascii") as file:
            used = int(file.read())
        with open(f"{_GROUP}/memory.stat", encoding="ascii") as file:
            pages = sum(int(line.split()[1]) for line in file if line.startswith("inactive_file "))
    except (OSError, ValueError):
        return None
    return limit - used + pages
