"""Runs services of docker/compose.yaml with podman, as that file describes them.

Images that no registry gives here are replaced; everything else of a service
that the file says (user, capabilities, read-only root, command, environment,
volumes, the network of another service) is passed on, and a key that is not
known here is an error, so that nothing of the file goes untested in silence.
"""

import json
import pathlib
import subprocess

import yaml

IGNORED = {
    "restart",      # The test decides what is restarted.
    "build",        # Built beforehand, from the same Dockerfiles.
    "depends_on",   # The test starts them in its own order.
    "ports",        # Several tests may run side by side; they ask by address.
    "stop_grace_period",
}


def podman(*arguments, check=True, **options):
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"podman {' '.join(arguments)}: {done.stderr.strip()}")
    return done


class Compose:
    """Services by name, in a network of their own.

    Their addresses are fixed, and dnsmasq tells their names: podman's own server of names may be silent
    for half a minute when containers are started while others ask it.
    """

    def __init__(self, path, prefix, images):
        self.directory = pathlib.Path(path).parent
        self.services = yaml.safe_load(pathlib.Path(path).read_text())["services"]
        self.prefix = prefix
        self.network = prefix
        self.images = images
        own = [name for name, facts in self.services.items() if "network_mode" not in facts]
        self.addresses = {name: f"10.97.0.{number}" for number, name in enumerate(own, 10)}
        self.dnsmasq = None

    def create_network(self):
        podman("network", "create", "--disable-dns", "--subnet", "10.97.0.0/24", self.network)
        records = [f"--host-record={name},{address}" for name, address in self.addresses.items()]
        # The bridge, 10.97.0.1, comes with the first container.
        self.dnsmasq = subprocess.Popen(
            ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--no-resolv",
             "--no-hosts", "--local=//", "--bind-dynamic", "--listen-address=10.97.0.1", *records])

    def network_options(self, name=None):
        """Of a container in the network; `name` is that of a service."""
        options = ["--network", self.network, "--dns=10.97.0.1"]
        return options + (["--ip", self.addresses[name]] if name in self.addresses else [])

    def container(self, service):
        return f"{self.prefix}-{service}"

    def start(self, service, environment=None, command=None, volumes=None, name=None):
        """Starts a service; what is given replaces or adds to what the file says."""
        facts = dict(self.services[service])
        name = name or service
        arguments = ["run", "-d", "--name", self.container(name)]
        network = facts.pop("network_mode", None)
        if network is None:
            arguments += self.network_options(name)
        else:
            arguments += ["--network", "container:" + self.container(network.removeprefix("service:"))]
        if facts.pop("read_only", False):
            arguments += ["--read-only", "--read-only-tmpfs=false"]
        for key, flag in (("cap_drop", "--cap-drop"), ("cap_add", "--cap-add"),
                          ("security_opt", "--security-opt"), ("tmpfs", "--tmpfs")):
            for value in facts.pop(key, []):
                arguments += [flag, value.replace("no-new-privileges:true", "no-new-privileges")]
        for key, flag in (("user", "--user"), ("mem_limit", "--memory")):
            if key in facts:
                arguments += [flag, facts.pop(key)]
        for variable, value in {**facts.pop("environment", {}), **(environment or {})}.items():
            arguments += ["--env", f"{variable}={value}"]
        for volume in facts.pop("volumes", []):
            source, target, *options = volume.split(":")
            source = (volumes or {}).get(target, source)
            if source.startswith("."):
                source = str((self.directory / source).resolve())
            elif not source.startswith("/"):
                # What a volume of an engine starts with: a directory anyone may write.
                arguments += ["--tmpfs", f"{target}:mode=1777"]
                continue
            arguments += ["--volume", ":".join([source, target, *options])]
        image = facts.pop("image")
        own_command = facts.pop("command", [])
        unknown = set(facts) - IGNORED
        if unknown:
            raise RuntimeError(f"{service}: the test does not know {', '.join(sorted(unknown))}")
        arguments += [self.images.get(image, image), *(own_command if command is None else command)]
        podman(*arguments)

    def run(self, image, *command, options=(), **more):
        """Runs a container to its end and returns what became of it."""
        return podman("run", "--rm", *self.network_options(), *options, image, *command, check=False, **more)

    def inspect(self, name):
        return json.loads(podman("inspect", self.container(name)).stdout)[0]

    def logs(self, name):
        done = podman("logs", self.container(name), check=False)
        return done.stdout + done.stderr

    def names(self):
        """Of all containers that were started and not removed."""
        names = podman("ps", "-a", "--format", "{{.Names}}").stdout.split()
        return [n.removeprefix(self.prefix + "-") for n in names if n.startswith(self.prefix + "-")]

    def remove_all(self):
        # Who shares the network of another goes first.
        for name in sorted(self.names(), key=lambda n: "sensor" not in n):
            podman("rm", "-f", "-t", "0", self.container(name), check=False)
        podman("network", "rm", "-f", self.network, check=False)
        if self.dnsmasq:
            self.dnsmasq.terminate()
            self.dnsmasq.wait()
