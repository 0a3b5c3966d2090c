// SPDX-License-Identifier: Apache-2.0
//! The hashes of the Web Cryptography API, from Zig's standard library.
const std = @import("std");
const hashes = std.crypto.hash;
const hmac = std.crypto.auth.hmac;

fn digestWith(comptime Hash: type, bytes: []const u8, digest: [*]u8) usize {
    Hash.hash(bytes, digest[0..Hash.digest_length], .{});
    return Hash.digest_length;
}

fn hmacWith(comptime Hash: type, key: []const u8, bytes: []const u8, digest: [*]u8) usize {
    const Mac = hmac.Hmac(Hash);
    Mac.create(digest[0..Mac.mac_length], bytes, key);
    return Mac.mac_length;
}

/// Writes the digest (at most 64 bytes) and returns its length; 0 for an unknown algorithm.
export fn genapps_digest(algorithm: u32, bytes: [*]const u8, size: usize, digest: [*]u8) usize {
    return switch (algorithm) {
        0 => digestWith(hashes.Sha1, bytes[0..size], digest),
        1 => digestWith(hashes.sha2.Sha256, bytes[0..size], digest),
        2 => digestWith(hashes.sha2.Sha384, bytes[0..size], digest),
        3 => digestWith(hashes.sha2.Sha512, bytes[0..size], digest),
        else => 0,
    };
}

export fn genapps_hmac(algorithm: u32, key: [*]const u8, key_size: usize, bytes: [*]const u8, size: usize, digest: [*]u8) usize {
    return switch (algorithm) {
        0 => hmacWith(hashes.Sha1, key[0..key_size], bytes[0..size], digest),
        1 => hmacWith(hashes.sha2.Sha256, key[0..key_size], bytes[0..size], digest),
        2 => hmacWith(hashes.sha2.Sha384, key[0..key_size], bytes[0..size], digest),
        3 => hmacWith(hashes.sha2.Sha512, key[0..key_size], bytes[0..size], digest),
        else => 0,
    };
}
