//! Two small NixOS hosts and what they share.

mod shown;

use import::Files;

const PLANE: &str = r#"
# networking.hostName = "comment";
{ config, pkgs, lib, ... }:
let
  address = "10.9.0.11"; # networking.hostName = "let";
in
{
  imports = [ ./hardware.nix ../common.nix ];
  networking = {
    hostName = "plane";
    interfaces.enp1s0.ipv4.addresses = [ { address = "10.9.0.11"; prefixLength = 24; } ];
    interfaces."enp1s0".ipv6.addresses = [{ address = "fd09::11"; prefixLength = 64; }];
    defaultGateway = "10.9.0.1";
    wireless.networks.home.psk = "PLAIN-01";
    firewall.allowedTCPPorts = [ 22 6443 ];
  };
  services.k3s = {
    enable = true;
    role = "server";
    clusterInit = true;
    token = "PLAIN-02";
    package = pkgs.k3s_1_33;
    extraFlags = [ "--cluster-cidr=10.50.0.0/16" "--disable traefik" "--token=PLAIN-03" ];
  };
  services.tailscale.enable = true;
  services.tailscale.authKeyFile = "/run/secrets/ts";
  environment.etc."x".text = ''
    password=PLAIN-04 }; ${config.foo { a = "}"; }} networking.hostName = "text";
  '';
  users.users.root.hashedPassword = "PLAIN-05";
  system.stateVersion = lib.mkDefault "24.11";
}
"#;

const WORKER: &str = r#"
{ ... }: {
  networking.hostName = "worker";
  nixpkgs.hostPlatform = "aarch64-linux";
  networking.interfaces.end0 = { ipv4.addresses = [ { address = "10.9.0.12"; prefixLength = 24; } ]; mtu = 1400; };
  services.k3s = lib.mkIf true { enable = true; role = "agent"; tokenFile = "/run/token"; };
  fileSystems."/" = { device = "/dev/disk/by-label/root"; fsType = "ext4"; };
}
"#;

#[test]
fn configurations_of_nixos_become_hosts() {
    let files: Files = [
        ("hosts/plane/default.nix", PLANE),
        (
            "hosts/plane/hardware.nix",
            "{ nixpkgs.hostPlatform = \"x86_64-linux\"; boot.loader.grub.device = \"/dev/sda\"; }",
        ),
        ("hosts/worker/default.nix", WORKER),
        (
            "common.nix",
            "{ time.timeZone = \"UTC\"; services.foo.apiKey = \"PLAIN-06\"; }",
        ),
    ]
    .map(|(file, text)| (file.to_owned(), text.to_owned()))
    .into();
    let imported = import::nixos(&files).unwrap();
    let shown = shown::shown(&imported);
    assert!(!shown.contains("PLAIN"), "{shown}");
    insta::assert_snapshot!(shown);
}
