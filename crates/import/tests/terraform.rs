//! A small state, with secrets where states have them.

mod shown;

use import::Files;

const STATE: &str = r#"{
  "version": 4, "terraform_version": "1.9.0", "serial": 3, "lineage": "x",
  "outputs": { "token": { "value": "PLAIN-01", "type": "string", "sensitive": true } },
  "resources": [
    { "mode": "data", "type": "aws_ami", "name": "nixos", "instances": [{ "attributes": { "id": "ami-1" } }] },
    { "mode": "managed", "type": "aws_instance", "name": "plane", "instances": [{ "attributes": {
        "id": "i-1", "instance_type": "t4g.medium", "availability_zone": "eu-west-1b", "ami": "ami-1",
        "private_ip": "10.20.1.9", "public_ip": "192.0.2.9", "subnet_id": "subnet-1",
        "user_data": "PLAIN-02", "tags": { "Name": "control plane" }, "root_password": "PLAIN-03" } }] },
    { "mode": "managed", "type": "aws_subnet", "name": "b", "instances": [{ "index_key": "b", "attributes": {
        "id": "subnet-1", "vpc_id": "vpc-1", "cidr_block": "10.20.1.0/24", "availability_zone": "eu-west-1b" } }] },
    { "mode": "managed", "type": "aws_vpc", "name": "main", "instances": [{ "attributes": { "id": "vpc-1", "cidr_block": "10.20.0.0/16" } }] },
    { "mode": "managed", "type": "linode_instance", "name": "relay", "instances": [{ "attributes": {
        "label": "relay", "region": "gb-lon", "type": "g6-nanode-1", "image": "linode/rocky9", "ip_address": "198.51.100.4",
        "root_pass": "PLAIN-04", "stackscript_data": { "key": "PLAIN-05" } },
        "sensitive_attributes": [[{ "type": "get_attr", "value": "root_pass" }]] }] },
    { "module": "module.dns", "mode": "managed", "type": "cloudflare_zone", "name": "z", "instances": [{ "index_key": 0, "attributes": { "name": "example.net", "verification_key": "PLAIN-06" } }] },
    { "mode": "managed", "type": "aws_db_instance", "name": "db", "instances": [{ "attributes": { "name": "PLAIN-07", "password": "PLAIN-08" },
        "sensitive_attributes": [[{ "type": "get_attr", "value": "name" }], [{ "type": "get_attr", "value": "password" }]] }] },
    { "mode": "managed", "type": "random_password", "name": "p", "instances": [{ "attributes": { "result": "PLAIN-09", "id": "none", "name": "PLAIN-10" }, "private": "PLAIN-11" }] }
  ]
}"#;

#[test]
fn a_state_becomes_cloud_hosts_without_its_secrets() {
    let files = Files::from([("terraform.tfstate".to_owned(), STATE.to_owned())]);
    let imported = import::terraform(&files).unwrap();
    let shown = shown::shown(&imported);
    assert!(!shown.contains("PLAIN"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn an_older_state_is_refused() {
    let old = STATE.replace("\"version\": 4", "\"version\": 3");
    let files = Files::from([("terraform.tfstate".to_owned(), old)]);
    let error = import::terraform(&files).unwrap_err().to_string();
    assert!(error.contains("version"), "{error}");
}
