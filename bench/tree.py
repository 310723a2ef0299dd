"""The source tree that is unpacked, searched and cloned: text made from a fixed seed, so that it is
the same in every run.

    tree = SourceTree(base, 2000)
    tree.tar, tree.repository, tree.folder
"""
import os
import random
import subprocess

FILES_IN_FOLDER = 20
ABSENT = "a-word-that-is-in-no-file"  # what is searched for: grep reads everything


def text_of(chance):
    """Like a source file: some 6 KiB, from a few hundred bytes to 64 KiB."""
    size = min(65536, int(300 + chance.lognormvariate(8.2, 1.0)))
    lines = []
    while size > 0:
        words = [f"{chance.getrandbits(4 * chance.randint(3, 12)):x}"
                 for _ in range(chance.randint(1, 10))]
        lines.append("  " * chance.randint(0, 3) + " ".join(words))
        size -= len(lines[-1]) + 1
    return "\n".join(lines) + "\n"


class SourceTree:
    def __init__(self, base, files):
        self.folder, self.tar = base / "tree", base / "tree.tar"
        self.repository = base / "tree.git"
        config = base / "gitconfig"
        config.write_text("[user]\n\tname = Bench\n\temail = bench@example.com\n"
                          "[safe]\n\tdirectory = *\n[gc]\n\tauto = 0\n"
                          "[init]\n\tdefaultBranch = main\n")
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(base), "LC_ALL": "C",
                            "GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_NOSYSTEM": "1",
                            "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
                            "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
        self.write(files)
        self.run("tar", "-cf", self.tar, "-C", base, "tree")
        git = ("git", "-C", self.folder)
        self.run(*git, "init", "-q")
        self.run(*git, "add", ".")
        self.run(*git, "commit", "-q", "-m", "The tree")
        self.run("git", "clone", "-q", "--bare", "--no-local", self.folder, self.repository)
        self.run("rm", "-r", self.folder / ".git")

    def write(self, files):
        chance = random.Random(1)
        for number in range(files):
            folder = self.folder / f"part{number // (10 * FILES_IN_FOLDER)}" \
                / f"module{number // FILES_IN_FOLDER}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"source{number}.txt").write_text(text_of(chance))

    def run(self, *words):
        subprocess.run([str(word) for word in words], env=self.environment, check=True,
                       stdout=subprocess.DEVNULL)
