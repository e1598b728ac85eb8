//! What a role is worth, against roles that are more than their name says.

use portcullis_model::{Amount, Disclosure, Impact, Scope};
use portcullis_ports::{ConnectorError, Effective};

use super::world::World;

impl World {
    /// A reader that got more by these statements; `$` stands for its name.
    async fn reader_with(&self, name: &str, statements: &str) -> Effective {
        self.reader(name).await;
        self.sql(&statements.replace('$', name)).await;
        self.effective(name).await
    }
}

fn rights(effective: &Effective) -> Vec<String> {
    effective
        .privileges
        .iter()
        .map(|privilege| {
            let via = privilege.via.join(" > ");
            format!("{} on {} [{via}]", privilege.right, privilege.on)
        })
        .collect()
}

fn assert_has(effective: &Effective, right: &str) {
    let all = rights(effective);
    assert!(all.contains(&right.to_owned()), "no {right} among {all:#?}");
}

#[track_caller]
fn assert_only_reads(effective: &Effective) {
    let impact = &effective.classified.impact;
    let reading = Impact {
        discloses: Disclosure::Internal,
        amount: Amount::Unbounded,
        scope: Scope::Object,
        ..Impact::nothing()
    };
    assert_eq!(*impact, reading, "{}", effective.classified.reason);
}

#[track_caller]
fn assert_worst(effective: &Effective, names: &str) {
    let reason = &effective.classified.reason;
    assert_eq!(effective.classified.impact, Impact::worst(), "{reason}");
    assert!(reason.contains(names), "{reason} does not name {names}");
}

#[tokio::test]
async fn what_a_role_can_do_itself_is_read_whatever_it_is_called() {
    let world = World::start().await;
    a_role_that_only_reads_only_reads(&world).await;
    a_role_that_may_insert_is_no_reader(&world).await;
    columns_sequences_schemas_and_large_objects_count(&world).await;
    a_right_that_may_be_passed_on_alters_security(&world).await;
    what_it_will_get_on_future_tables_counts(&world).await;
    attributes_and_predefined_roles_count(&world).await;
    ownership_counts(&world).await;
    row_security_is_part_of_what_is_approved(&world).await;
    a_name_that_tries_to_break_out_is_only_a_name(&world).await;
    a_role_that_does_not_exist_is_told(&world).await;
}

async fn a_role_that_only_reads_only_reads(world: &World) {
    let effective = world.reader_with("plain", "").await;
    assert_only_reads(&effective);
    assert_has(&effective, "SELECT on table public.plain_t []");
    assert_has(&effective, "CONNECT on database postgres [PUBLIC]");
    assert!(
        effective
            .classified
            .reason
            .starts_with("SELECT on table public.plain_t")
    );
}

async fn a_role_that_may_insert_is_no_reader(world: &World) {
    let effective = world.reader_with("sly", "GRANT INSERT ON $_t TO $").await;
    let classified = &effective.classified;
    assert!(classified.impact.changes_state && !classified.impact.alters_security);
    assert!(
        classified
            .reason
            .starts_with("INSERT on table public.sly_t"),
        "{classified:?}"
    );
}

async fn columns_sequences_schemas_and_large_objects_count(world: &World) {
    for (name, statements, right) in [
        (
            "col",
            "GRANT UPDATE (id) ON $_t TO $",
            "UPDATE on column public.col_t.id []",
        ),
        (
            "seq",
            "CREATE SEQUENCE $_s; GRANT USAGE ON SEQUENCE $_s TO $",
            "USAGE on sequence public.seq_s []",
        ),
        (
            "sch",
            "CREATE SCHEMA $_n; GRANT CREATE ON SCHEMA $_n TO $",
            "CREATE on schema sch_n []",
        ),
        (
            "lob",
            "SELECT lo_create(4711); GRANT UPDATE ON LARGE OBJECT 4711 TO $",
            "UPDATE on large object 4711 []",
        ),
        (
            "dat",
            "GRANT CREATE ON DATABASE postgres TO $",
            "CREATE on database postgres []",
        ),
    ] {
        let effective = world.reader_with(name, statements).await;
        assert_has(&effective, right);
        assert!(effective.classified.impact.changes_state, "{name}");
    }
}

async fn a_right_that_may_be_passed_on_alters_security(world: &World) {
    let effective = world
        .reader_with("pass", "GRANT SELECT ON $_t TO $ WITH GRANT OPTION")
        .await;
    assert_has(
        &effective,
        "SELECT WITH GRANT OPTION on table public.pass_t []",
    );
    assert!(effective.classified.impact.alters_security);
}

async fn what_it_will_get_on_future_tables_counts(world: &World) {
    let effective = world
        .reader_with(
            "future",
            "ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO $",
        )
        .await;
    assert_has(
        &effective,
        "DELETE on table (each that postgres creates) []",
    );
    assert!(effective.classified.impact.changes_state);
}

async fn attributes_and_predefined_roles_count(world: &World) {
    let superuser = world.reader_with("super", "ALTER ROLE $ SUPERUSER").await;
    assert_worst(&superuser, "SUPERUSER on role super");
    let creator = world
        .reader_with("creator", "ALTER ROLE $ CREATEROLE")
        .await;
    assert!(creator.classified.impact.alters_security);
    let program = world
        .reader_with("program", "GRANT pg_execute_server_program TO $")
        .await;
    assert_worst(&program, "pg_execute_server_program");
    let all = world
        .reader_with("all_data", "GRANT pg_read_all_data TO $")
        .await;
    assert_eq!(all.classified.impact.discloses, Disclosure::Secret);
    let setting = world
        .reader_with(
            "setting",
            "GRANT SET ON PARAMETER session_preload_libraries TO $",
        )
        .await;
    assert_worst(&setting, "SET on parameter session_preload_libraries");
}

async fn ownership_counts(world: &World) {
    let effective = world
        .reader_with(
            "owner",
            "CREATE TABLE $_own (id int); ALTER TABLE $_own OWNER TO $",
        )
        .await;
    assert_has(&effective, "OWNER on table public.owner_own []");
    assert!(effective.classified.impact.alters_security);
    let publication = world
        .reader_with(
            "pub",
            "CREATE PUBLICATION $_p; ALTER PUBLICATION $_p OWNER TO $",
        )
        .await;
    assert_worst(&publication, "OWNER on publication pub_p");
}

async fn row_security_is_part_of_what_is_approved(world: &World) {
    let limited = world
        .reader_with(
            "rows",
            "CREATE POLICY mine ON $_t USING (id = 1); ALTER TABLE $_t ENABLE ROW LEVEL SECURITY",
        )
        .await;
    assert_has(
        &limited,
        "SELECT on table public.rows_t (rows limited by mine) []",
    );
    world
        .sql("ALTER TABLE rows_t DISABLE ROW LEVEL SECURITY")
        .await;
    let unlimited = world.effective("rows").await;
    assert_ne!(limited.digest().unwrap(), unlimited.digest().unwrap());
}

async fn a_name_that_tries_to_break_out_is_only_a_name(world: &World) {
    let name = "x\"; DROP TABLE plain_t; --' ü";
    world.reader(name).await;
    let effective = world.effective(name).await;
    assert_only_reads(&effective);
    assert!(
        rights(&effective)
            .iter()
            .any(|right| right.contains("DROP TABLE plain_t; --' ü_t"))
    );
    assert_only_reads(&world.effective("plain").await);
}

async fn a_role_that_does_not_exist_is_told(world: &World) {
    let refused = world.try_effective("nobody_made_it").await.unwrap_err();
    assert!(
        matches!(&refused, ConnectorError::Refused { .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("nobody_made_it"));
}

#[tokio::test]
async fn what_a_role_leads_to_counts_however_far_away() {
    let world = World::start().await;
    a_writer_three_hops_away_counts_even_without_inheritance(&world).await;
    the_option_to_administer_any_role_alters_security(&world).await;
    a_function_with_its_owners_rights_is_worst(&world).await;
    a_function_of_a_role_within_reach_adds_nothing(&world).await;
    a_function_inside_the_server_is_worst(&world).await;
    a_view_shows_what_its_owner_may_see(&world).await;
    a_partition_elsewhere_counts_through_its_parent(&world).await;
    built_in_functions_count_once_they_are_given_away(&world).await;
    rights_in_another_database_are_worst(&world).await;
    what_public_may_do_to_the_users_objects_counts(&world).await;
    extensions_count_unless_they_are_known_to_be_harmless(&world).await;
    what_cannot_be_read_is_worst(&world).await;
}

async fn a_writer_three_hops_away_counts_even_without_inheritance(world: &World) {
    let effective = world
        .reader_with(
            "hop",
            "CREATE ROLE $_1 NOINHERIT; CREATE ROLE $_2 NOINHERIT; CREATE ROLE $_3;
             GRANT $_1 TO $; GRANT $_2 TO $_1; GRANT $_3 TO $_2; ALTER ROLE $ NOINHERIT;
             GRANT DELETE ON $_t TO $_3",
        )
        .await;
    assert_has(
        &effective,
        "DELETE on table public.hop_t [hop_1 > hop_2 > hop_3]",
    );
    assert_has(&effective, "MEMBER on role hop_3 [hop_1 > hop_2]");
    assert!(
        effective
            .classified
            .reason
            .contains("through hop_1, hop_2, hop_3")
    );
}

async fn the_option_to_administer_any_role_alters_security(world: &World) {
    let effective = world
        .reader_with(
            "adm",
            "CREATE ROLE $_team; GRANT $_team TO $ WITH ADMIN OPTION",
        )
        .await;
    assert_has(&effective, "ADMIN OPTION on role adm_team []");
    assert!(effective.classified.impact.alters_security);
}

async fn a_function_with_its_owners_rights_is_worst(world: &World) {
    let function = "CREATE FUNCTION $_f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
         REVOKE EXECUTE ON FUNCTION $_f() FROM PUBLIC; GRANT EXECUTE ON FUNCTION $_f() TO $";
    let definer = world.reader_with("definer", function).await;
    assert_worst(
        &definer,
        "SECURITY DEFINER function (runs as postgres) public.definer_f()",
    );
    let invoker = world
        .reader_with("invoker", &function.replace("SECURITY DEFINER", ""))
        .await;
    assert_only_reads(&invoker);
}

async fn a_function_of_a_role_within_reach_adds_nothing(world: &World) {
    let effective = world
        .reader_with(
            "within",
            "CREATE ROLE $_own; GRANT $_own TO $;
             CREATE FUNCTION $_f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
             REVOKE EXECUTE ON FUNCTION $_f() FROM PUBLIC; GRANT EXECUTE ON FUNCTION $_f() TO $;
             ALTER FUNCTION $_f() OWNER TO $_own",
        )
        .await;
    assert_has(&effective, "EXECUTE on function public.within_f() []");
    assert!(!effective.classified.reason.contains("SECURITY DEFINER"));
}

async fn a_function_inside_the_server_is_worst(world: &World) {
    let effective = world
        .reader_with(
            "inside",
            "CREATE FUNCTION $_f() RETURNS int LANGUAGE internal AS 'pg_backend_pid';
             REVOKE EXECUTE ON FUNCTION $_f() FROM PUBLIC; GRANT EXECUTE ON FUNCTION $_f() TO $",
        )
        .await;
    assert_worst(&effective, "internal function public.inside_f()");
}

async fn a_view_shows_what_its_owner_may_see(world: &World) {
    let effective = world
        .reader_with(
            "view",
            "CREATE TABLE $_hidden (id int); CREATE VIEW $_inner AS SELECT * FROM $_hidden;
             CREATE VIEW $_v AS SELECT * FROM $_inner; GRANT SELECT ON $_v TO $",
        )
        .await;
    assert_only_reads(&effective);
    assert_has(
        &effective,
        "SELECT on table public.view_hidden [public.view_v of postgres]",
    );
    let hashes = world
        .reader_with(
            "hash",
            "CREATE VIEW $_v AS SELECT rolname, rolpassword FROM pg_authid;
             GRANT SELECT (rolpassword) ON $_v TO $",
        )
        .await;
    assert_has(
        &hashes,
        "SELECT on system catalog pg_catalog.pg_authid [public.hash_v of postgres]",
    );
    assert_eq!(hashes.classified.impact.discloses, Disclosure::Secret);
    let as_caller = world
        .reader_with(
            "caller",
            "CREATE VIEW $_v WITH (security_invoker = on) AS SELECT * FROM pg_authid;
             GRANT SELECT ON $_v TO $",
        )
        .await;
    assert_only_reads(&as_caller);
}

async fn a_partition_elsewhere_counts_through_its_parent(world: &World) {
    let effective = world
        .reader_with(
            "part",
            "CREATE FOREIGN DATA WRAPPER $_w; CREATE SERVER $_s FOREIGN DATA WRAPPER $_w;
             CREATE TABLE $_p (id int) PARTITION BY LIST (id);
             CREATE FOREIGN TABLE $_far PARTITION OF $_p FOR VALUES IN (1) SERVER $_s;
             GRANT SELECT ON $_p TO $",
        )
        .await;
    assert_worst(&effective, "SELECT on foreign table public.part_far");
    let server = world
        .reader_with("fserver", "GRANT USAGE ON FOREIGN SERVER part_s TO $")
        .await;
    assert_worst(&server, "USAGE on foreign server part_s");
}

async fn built_in_functions_count_once_they_are_given_away(world: &World) {
    let effective = world
        .reader_with("files", "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO $")
        .await;
    assert_worst(&effective, "built-in function pg_catalog.pg_read_file");
    let catalog = world
        .reader_with("catalog", "GRANT SELECT ON pg_statistic TO $")
        .await;
    assert_eq!(catalog.classified.impact.discloses, Disclosure::Secret);
    let ordinary = world
        .reader_with("pgclass", "GRANT SELECT ON pg_class TO $")
        .await;
    assert_only_reads(&ordinary);
}

async fn rights_in_another_database_are_worst(world: &World) {
    world.reader("far").await;
    world.sql("CREATE DATABASE elsewhere").await;
    let other = super::world::connect(&world.server.admin_url("elsewhere"))
        .await
        .unwrap();
    assert_only_reads(&world.effective("far").await);
    other
        .batch_execute("CREATE TABLE t (id int); GRANT SELECT ON t TO far")
        .await
        .unwrap();
    let effective = world.effective("far").await;
    assert_worst(
        &effective,
        "RIGHTS on another database: 1 objects of elsewhere",
    );
    drop(other);
}

async fn what_public_may_do_to_the_users_objects_counts(world: &World) {
    world.reader("everybody").await;
    world.sql("GRANT INSERT ON everybody_t TO PUBLIC").await;
    let effective = world.effective("everybody").await;
    assert_has(&effective, "INSERT on table public.everybody_t [PUBLIC]");
    assert!(effective.classified.impact.changes_state);
    world.sql("REVOKE INSERT ON everybody_t FROM PUBLIC").await;
    assert_only_reads(&world.effective("everybody").await);
}

async fn extensions_count_unless_they_are_known_to_be_harmless(world: &World) {
    world.reader("ext").await;
    world.sql("CREATE EXTENSION pgcrypto").await;
    assert_only_reads(&world.effective("ext").await);
    world.sql("CREATE EXTENSION dblink").await;
    assert_worst(
        &world.effective("ext").await,
        "function of extension dblink",
    );
    world.sql("DROP EXTENSION dblink").await;
}

async fn what_cannot_be_read_is_worst(world: &World) {
    world.reader("blind").await;
    world
        .sql("REVOKE SELECT ON pg_default_acl FROM PUBLIC")
        .await;
    let effective = world.effective("blind").await;
    assert_worst(&effective, "pg_default_acl");
    let refused = world
        .assign("blind", "postgres", effective.digest().unwrap())
        .await;
    assert!(
        matches!(refused, Err(ConnectorError::Refused { .. })),
        "{refused:?}"
    );
    world.sql("GRANT SELECT ON pg_default_acl TO PUBLIC").await;
    assert_only_reads(&world.effective("blind").await);
}
