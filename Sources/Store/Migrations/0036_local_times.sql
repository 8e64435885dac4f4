-- Schedules whose times are read on the clock of each contact.

-- The time zones of phone numbers by their first digits, and of WhatsApp's user ids by their country. Where a country has one
-- zone, it is that of zone.tab of the IANA time zone database, release 2025b. Where it has several, area codes have the zones
-- that libphonenumber 9.0.43 (2026) names for them, and those of Brazil the zone of their state; all other numbers of the
-- country have the zone of most of its people, such as Europe/Moscow for the mobile numbers of Russia.
CREATE TABLE number_zones (
    prefix varchar(6) PRIMARY KEY,
    zone varchar(64) NOT NULL
);
INSERT INTO number_zones (prefix, zone)
SELECT p.prefix, z.zone FROM (VALUES
    ('Africa/Abidjan', '225 CI.'),
    ('Africa/Accra', '233 GH.'),
    ('Africa/Addis_Ababa', '251 ET.'),
    ('Africa/Algiers', '213 DZ.'),
    ('Africa/Asmara', '291 ER.'),
    ('Africa/Bamako', '223 ML.'),
    ('Africa/Bangui', '236 CF.'),
    ('Africa/Banjul', '220 GM.'),
    ('Africa/Bissau', '245 GW.'),
    ('Africa/Blantyre', '265 MW.'),
    ('Africa/Brazzaville', '242 CG.'),
    ('Africa/Bujumbura', '257 BI.'),
    ('Africa/Cairo', '20 EG.'),
    ('Africa/Casablanca', '212 MA.'),
    ('Africa/Conakry', '224 GN.'),
    ('Africa/Dakar', '221 SN.'),
    ('Africa/Dar_es_Salaam', '255 TZ.'),
    ('Africa/Djibouti', '253 DJ.'),
    ('Africa/Douala', '237 CM.'),
    ('Africa/El_Aaiun', 'EH.'),
    ('Africa/Freetown', '232 SL.'),
    ('Africa/Gaborone', '267 BW.'),
    ('Africa/Harare', '263 ZW.'),
    ('Africa/Johannesburg', '27 ZA.'),
    ('Africa/Juba', '211 SS.'),
    ('Africa/Kampala', '256 UG.'),
    ('Africa/Khartoum', '249 SD.'),
    ('Africa/Kigali', '250 RW.'),
    ('Africa/Kinshasa', '243 CD.'),
    ('Africa/Lagos', '234 NG.'),
    ('Africa/Libreville', '241 GA.'),
    ('Africa/Lome', '228 TG.'),
    ('Africa/Luanda', '244 AO.'),
    ('Africa/Lubumbashi', '2432'),
    ('Africa/Lusaka', '260 ZM.'),
    ('Africa/Malabo', '240 GQ.'),
    ('Africa/Maputo', '258 MZ.'),
    ('Africa/Maseru', '266 LS.'),
    ('Africa/Mbabane', '268 SZ.'),
    ('Africa/Mogadishu', '252 SO.'),
    ('Africa/Monrovia', '231 LR.'),
    ('Africa/Nairobi', '254 KE.'),
    ('Africa/Ndjamena', '235 TD.'),
    ('Africa/Niamey', '227 NE.'),
    ('Africa/Nouakchott', '222 MR.'),
    ('Africa/Ouagadougou', '226 BF.'),
    ('Africa/Porto-Novo', '229 BJ.'),
    ('Africa/Sao_Tome', '239 ST.'),
    ('Africa/Tripoli', '218 LY.'),
    ('Africa/Tunis', '216 TN.'),
    ('Africa/Windhoek', '264 NA.'),
    ('America/Anchorage', '1907'),
    ('America/Anguilla', '1264 AI.'),
    ('America/Antigua', '1268 AG.'),
    ('America/Argentina/Buenos_Aires', '54 AR.'),
    ('America/Aruba', '297 AW.'),
    ('America/Asuncion', '595 PY.'),
    ('America/Barbados', '1246 BB.'),
    ('America/Belize', '501 BZ.'),
    ('America/Boa_Vista', '5595'),
    ('America/Bogota', '57 CO.'),
    ('America/Boise', '1208 1986'),
    ('America/Campo_Grande', '5567'),
    ('America/Cancun', '52983 52984 52987 52998'),
    ('America/Caracas', '58 VE.'),
    ('America/Cayenne', '594 GF.'),
    ('America/Cayman', '1345 KY.'),
    ('America/Chicago', '
        1205 1210 1214 1217 1218 1224 1225 1228 1235 1251 1254 1256 1262 1274 1281 1308 1309 1312 1314 1316 1318
        1319 1320 1325 1327 1331 1334 1337 1346 1353 1361 1402 1405 1409 1414 1417 1423 1430 1432 1447 1464 1469
        1479 1501 1504 1507 1512 1515 1531 1534 1539 1557 1563 1572 1573 1580 1601 1605 1608 1612 1615 1618 1620
        1629 1630 1636 1641 1651 1659 1660 1662 1682 1689 1701 1708 1712 1713 1715 1726 1730 1731 1737 1763 1769
        1773 1779 1785 1806 1815 1816 1817 1830 1832 1847 1870 1872 1901 1903 1913 1918 1920 1931 1936 1938 1940
        1945 1952 1956 1972 1975 1979 1985'),
    ('America/Ciudad_Juarez', '52656'),
    ('America/Costa_Rica', '506 CR.'),
    ('America/Cuiaba', '5565 5566'),
    ('America/Curacao', '599 CW.'),
    ('America/Denver', '1303 1307 1385 1406 1435 1505 1575 1719 1720 1748 1801 1915 1970 1983'),
    ('America/Dominica', '1767 DM.'),
    ('America/Edmonton', '1368 1403 1587 1780 1825'),
    ('America/El_Salvador', '503 SV.'),
    ('America/Fort_Nelson', '1867'),
    ('America/Grand_Turk', '1649 TC.'),
    ('America/Grenada', '1473 GD.'),
    ('America/Guadeloupe', '590 GP.'),
    ('America/Guatemala', '502 GT.'),
    ('America/Guayaquil', '593 EC.'),
    ('America/Guyana', '592 GY.'),
    ('America/Halifax', '1428 1506 1782 1902'),
    ('America/Havana', '53 CU.'),
    ('America/Jamaica', '1658 1876 JM.'),
    ('America/Kralendijk', 'BQ.'),
    ('America/La_Paz', '591 BO.'),
    ('America/Lima', '51 PE.'),
    ('America/Los_Angeles', '
        1206 1209 1213 1253 1279 1310 1323 1341 1350 1360 1369 1408 1415 1424 1425 1442 1458 1503 1509 1510 1530
        1541 1559 1562 1564 1619 1626 1628 1650 1657 1661 1669 1702 1707 1714 1725 1738 1747 1760 1775 1805 1818
        1820 1831 1840 1858 1909 1916 1925 1949 1951 1971'),
    ('America/Lower_Princes', '1721 SX.'),
    ('America/Managua', '505 NI.'),
    ('America/Manaus', '5592 5597'),
    ('America/Marigot', 'MF.'),
    ('America/Martinique', '596 MQ.'),
    ('America/Matamoros', '52867 52877 52878 52894 52899'),
    ('America/Mazatlan', '
        52311 52319 52323 52324 52325 52327 52389 52612 52613 52614 52615 5262 5263 5264 52651 52652 52653 52657
        52659 52660 52662 52667 52668 52669 52672 52673 52687 5269'),
    ('America/Mexico_City', '52 MX.'),
    ('America/Miquelon', '508 PM.'),
    ('America/Montevideo', '598 UY.'),
    ('America/Montserrat', '1664 MS.'),
    ('America/Nassau', '1242 BS.'),
    ('America/New_York', '1 US.'),
    ('America/Nuuk', '299 GL.'),
    ('America/Ojinaga', '52626'),
    ('America/Panama', '507 PA.'),
    ('America/Paramaribo', '597 SR.'),
    ('America/Phoenix', '1480 1520 1602 1623 1928'),
    ('America/Port-au-Prince', '509 HT.'),
    ('America/Port_of_Spain', '1868 TT.'),
    ('America/Porto_Velho', '5569'),
    ('America/Puerto_Rico', '1787 1939 PR.'),
    ('America/Regina', '1306 1639'),
    ('America/Rio_Branco', '5568'),
    ('America/Santiago', '56 CL.'),
    ('America/Santo_Domingo', '1809 1829 1849 DO.'),
    ('America/Sao_Paulo', '55 BR.'),
    ('America/Scoresbysund', '29999'),
    ('America/St_Barthelemy', 'BL.'),
    ('America/St_Johns', '1709 1879'),
    ('America/St_Kitts', '1869 KN.'),
    ('America/St_Lucia', '1758 LC.'),
    ('America/St_Thomas', '1340 VI.'),
    ('America/St_Vincent', '1784 VC.'),
    ('America/Tegucigalpa', '504 HN.'),
    ('America/Thule', '29997'),
    ('America/Tijuana', '52616 52646 52658 52661 52664 52665 52686'),
    ('America/Toronto', '
        1226 1249 1263 1273 1289 1343 1354 1365 1367 1382 1416 1418 1437 1438 1450 1468 1514 1519 1548 1579 1581
        1613 1647 1683 1705 1742 1753 1807 1819 1873 1905 1942 CA.'),
    ('America/Tortola', '1284 VG.'),
    ('America/Vancouver', '1236 1250 1257 1604 1672 1778'),
    ('America/Winnipeg', '1204 1431 1474 1584'),
    ('Antarctica/McMurdo', 'AQ.'),
    ('Arctic/Longyearbyen', 'SJ.'),
    ('Asia/Aden', '967 YE.'),
    ('Asia/Almaty', '76 77 KZ.'),
    ('Asia/Amman', '962 JO.'),
    ('Asia/Anadyr', '7427'),
    ('Asia/Aqtobe', '7711 7712 7713 7729'),
    ('Asia/Ashgabat', '993 TM.'),
    ('Asia/Baghdad', '964 IQ.'),
    ('Asia/Bahrain', '973 BH.'),
    ('Asia/Baku', '994 AZ.'),
    ('Asia/Bangkok', '66 TH.'),
    ('Asia/Beirut', '961 LB.'),
    ('Asia/Bishkek', '996 KG.'),
    ('Asia/Brunei', '673 BN.'),
    ('Asia/Colombo', '94 LK.'),
    ('Asia/Damascus', '963 SY.'),
    ('Asia/Dhaka', '880 BD.'),
    ('Asia/Dili', '670 TL.'),
    ('Asia/Dubai', '971 AE.'),
    ('Asia/Dushanbe', '992 TJ.'),
    ('Asia/Hebron', '970 PS.'),
    ('Asia/Ho_Chi_Minh', '84 VN.'),
    ('Asia/Hong_Kong', '852 HK.'),
    ('Asia/Hovd', '97614 97624'),
    ('Asia/Irkutsk', '7301 7395'),
    ('Asia/Jakarta', '62 62920 ID.'),
    ('Asia/Jayapura', '6290 6291 6292 62951 62955 62956 62957 62962 62966 62967 62969 62971 62975 6298'),
    ('Asia/Jerusalem', '972 IL.'),
    ('Asia/Kabul', '93 AF.'),
    ('Asia/Kamchatka', '7415'),
    ('Asia/Karachi', '92 PK.'),
    ('Asia/Kathmandu', '977 NP.'),
    ('Asia/Kolkata', '91 IN.'),
    ('Asia/Krasnoyarsk', '7384 7385 7388 7390 7391 7394'),
    ('Asia/Kuala_Lumpur', '60 MY.'),
    ('Asia/Kuwait', '965 KW.'),
    ('Asia/Macau', '853 MO.'),
    ('Asia/Magadan', '7413'),
    ('Asia/Makassar', '6236 6237 6238 624 62511 62512 62517 62518 62526 62527 6254 6255'),
    ('Asia/Manila', '63 PH.'),
    ('Asia/Muscat', '968 OM.'),
    ('Asia/Nicosia', '357 CY.'),
    ('Asia/Novosibirsk', '7382 7383'),
    ('Asia/Omsk', '7381'),
    ('Asia/Phnom_Penh', '855 KH.'),
    ('Asia/Pyongyang', '850 KP.'),
    ('Asia/Qatar', '974 QA.'),
    ('Asia/Riyadh', '966 SA.'),
    ('Asia/Sakhalin', '7424'),
    ('Asia/Seoul', '82 KR.'),
    ('Asia/Shanghai', '86 CN.'),
    ('Asia/Singapore', '65 SG.'),
    ('Asia/Taipei', '886 TW.'),
    ('Asia/Tashkent', '998 UZ.'),
    ('Asia/Tbilisi', '995 GE.'),
    ('Asia/Tehran', '98 IR.'),
    ('Asia/Thimphu', '975 BT.'),
    ('Asia/Tokyo', '81 JP.'),
    ('Asia/Ulaanbaatar', '976 MN.'),
    ('Asia/Vientiane', '856 LA.'),
    ('Asia/Vladivostok', '7421 7423 7426'),
    ('Asia/Yakutsk', '7302 7411 7416'),
    ('Asia/Yangon', '95 MM.'),
    ('Asia/Yekaterinburg', '733 734 735'),
    ('Asia/Yerevan', '374 AM.'),
    ('Atlantic/Azores', '351292 351295 351296'),
    ('Atlantic/Bermuda', '1441 BM.'),
    ('Atlantic/Canary', '34822 34827 34828 34922 34928'),
    ('Atlantic/Cape_Verde', '238 CV.'),
    ('Atlantic/Faroe', '298 FO.'),
    ('Atlantic/Reykjavik', '354 IS.'),
    ('Atlantic/South_Georgia', 'GS.'),
    ('Atlantic/St_Helena', '247 290 AC. SH. TA.'),
    ('Atlantic/Stanley', '500 FK.'),
    ('Australia/Adelaide', '618'),
    ('Australia/Perth', '6186 6189'),
    ('Australia/Sydney', '61 AU.'),
    ('Europe/Amsterdam', '31 NL.'),
    ('Europe/Andorra', '376 AD.'),
    ('Europe/Athens', '30 GR.'),
    ('Europe/Belgrade', '381 383 RS. XK.'),
    ('Europe/Berlin', '49 DE.'),
    ('Europe/Bratislava', '421 SK.'),
    ('Europe/Brussels', '32 BE.'),
    ('Europe/Bucharest', '40 RO.'),
    ('Europe/Budapest', '36 HU.'),
    ('Europe/Chisinau', '373 MD.'),
    ('Europe/Copenhagen', '45 DK.'),
    ('Europe/Dublin', '353 IE.'),
    ('Europe/Gibraltar', '350 GI.'),
    ('Europe/Guernsey', 'GG.'),
    ('Europe/Helsinki', '358 FI.'),
    ('Europe/Isle_of_Man', 'IM.'),
    ('Europe/Istanbul', '90 TR.'),
    ('Europe/Jersey', 'JE.'),
    ('Europe/Kyiv', '380 UA.'),
    ('Europe/Lisbon', '351 PT.'),
    ('Europe/Ljubljana', '386 SI.'),
    ('Europe/London', '44 GB.'),
    ('Europe/Luxembourg', '352 LU.'),
    ('Europe/Madrid', '34 ES.'),
    ('Europe/Malta', '356 MT.'),
    ('Europe/Mariehamn', 'AX.'),
    ('Europe/Minsk', '375 BY.'),
    ('Europe/Monaco', '377 MC.'),
    ('Europe/Moscow', '7 RU.'),
    ('Europe/Oslo', '47 NO.'),
    ('Europe/Paris', '33 FR.'),
    ('Europe/Podgorica', '382 ME.'),
    ('Europe/Prague', '420 CZ.'),
    ('Europe/Riga', '371 LV.'),
    ('Europe/Rome', '39 IT.'),
    ('Europe/Samara', '7341 7842 7846 7848 7851'),
    ('Europe/San_Marino', '378 SM.'),
    ('Europe/Sarajevo', '387 BA.'),
    ('Europe/Skopje', '389 MK.'),
    ('Europe/Sofia', '359 BG.'),
    ('Europe/Stockholm', '46 SE.'),
    ('Europe/Tallinn', '372 EE.'),
    ('Europe/Tirane', '355 AL.'),
    ('Europe/Vaduz', '423 LI.'),
    ('Europe/Vatican', 'VA.'),
    ('Europe/Vienna', '43 AT.'),
    ('Europe/Vilnius', '370 LT.'),
    ('Europe/Warsaw', '48 PL.'),
    ('Europe/Zagreb', '385 HR.'),
    ('Europe/Zurich', '41 CH.'),
    ('Indian/Antananarivo', '261 MG.'),
    ('Indian/Chagos', '246 IO.'),
    ('Indian/Christmas', 'CX.'),
    ('Indian/Cocos', 'CC.'),
    ('Indian/Comoro', '269 KM.'),
    ('Indian/Kerguelen', 'TF.'),
    ('Indian/Mahe', '248 SC.'),
    ('Indian/Maldives', '960 MV.'),
    ('Indian/Mauritius', '230 MU.'),
    ('Indian/Mayotte', 'YT.'),
    ('Indian/Reunion', '262 RE.'),
    ('Pacific/Apia', '685 WS.'),
    ('Pacific/Auckland', '64 NZ.'),
    ('Pacific/Chuuk', '691 FM.'),
    ('Pacific/Efate', '678 VU.'),
    ('Pacific/Fakaofo', '690 TK.'),
    ('Pacific/Fiji', '679 FJ.'),
    ('Pacific/Funafuti', '688 TV.'),
    ('Pacific/Guadalcanal', '677 SB.'),
    ('Pacific/Guam', '1671 GU.'),
    ('Pacific/Honolulu', '1808'),
    ('Pacific/Kosrae', '69137'),
    ('Pacific/Majuro', '692 MH.'),
    ('Pacific/Midway', 'UM.'),
    ('Pacific/Nauru', '674 NR.'),
    ('Pacific/Niue', '683 NU.'),
    ('Pacific/Norfolk', '672 NF.'),
    ('Pacific/Noumea', '687 NC.'),
    ('Pacific/Pago_Pago', '1684 AS.'),
    ('Pacific/Palau', '680 PW.'),
    ('Pacific/Pitcairn', 'PN.'),
    ('Pacific/Pohnpei', '69132 691920 691921 691924 691926'),
    ('Pacific/Port_Moresby', '675 PG.'),
    ('Pacific/Rarotonga', '682 CK.'),
    ('Pacific/Saipan', '1670 MP.'),
    ('Pacific/Tahiti', '689 PF.'),
    ('Pacific/Tarawa', '686 KI.'),
    ('Pacific/Tongatapu', '676 TO.'),
    ('Pacific/Wallis', '681 WF.')
) AS z(zone, prefixes)
CROSS JOIN LATERAL regexp_split_to_table(btrim(z.prefixes, E' \n'), '\s+') AS p(prefix);

-- The zone of a phone number or of a user id, or of the first six characters of either: that of the longest known beginning;
-- NULL if none is known. WhatsApp writes mobile numbers of Mexico with a 1 before the area code.
CREATE FUNCTION zone_of_number(number text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT z.zone FROM (SELECT regexp_replace(ltrim(number, '+'), '^521', '52') AS digits OFFSET 0) n
    JOIN number_zones z ON z.prefix = ANY(ARRAY[
        left(n.digits, 1), left(n.digits, 2), left(n.digits, 3), left(n.digits, 4), left(n.digits, 5), left(n.digits, 6)
    ])
    ORDER BY length(z.prefix) DESC LIMIT 1
);

-- True if the times of the schedule are those of the clock of each contact.
ALTER TABLE campaign_schedules ADD COLUMN "localTime" boolean NOT NULL DEFAULT false;
-- When a schedule with "localTime" is looked at next, which may be long before or after "nextRunAt"; NULL for all others.
ALTER TABLE campaign_schedules ADD COLUMN "wakeAt" timestamptz;
DROP INDEX campaign_schedules_due_index;
CREATE INDEX campaign_schedules_due_index ON campaign_schedules ((coalesce("wakeAt", "nextRunAt")))
    WHERE "isActive" AND "archivedAt" IS NULL;

-- A time comes first where clocks are furthest ahead: 26 hours before it comes where they are furthest behind. It is one hour
-- more, because the clocks of the schedule's zone may leave the time out.
CREATE FUNCTION wake_schedule_for_local_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT NEW."localTime" OR NEW."nextRunAt" IS NULL THEN
        NEW."wakeAt" := NULL;
    ELSIF TG_OP = 'INSERT' OR NOT OLD."localTime" OR NEW."nextRunAt" IS DISTINCT FROM OLD."nextRunAt" THEN
        NEW."wakeAt" := NEW."nextRunAt" - interval '27 hours';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER campaign_schedules_woken BEFORE INSERT OR UPDATE ON campaign_schedules
    FOR EACH ROW EXECUTE FUNCTION wake_schedule_for_local_time();

-- The time on the clock of each contact at which messages of the run are sent, such as 2026-12-01T09:00; NULL if they are
-- sent at once.
ALTER TABLE campaign_runs ADD COLUMN "localTime" varchar(19);
-- The zone of contacts of whom no other is known.
ALTER TABLE campaign_runs ADD COLUMN "localZone" varchar(64);

-- The zones of the contacts of a run with a "localTime", as its start found them.
CREATE TABLE run_zones (
    "runId" uuid NOT NULL REFERENCES campaign_runs (id) ON DELETE CASCADE,
    zone varchar(64) NOT NULL,
    "tenantId" varchar(50) NOT NULL,
    -- When the time of the run comes in the zone.
    "sendAt" timestamptz NOT NULL,
    -- Why its contacts get nothing, as the errorCode of their messages; NULL if they get the message.
    "skipCode" varchar(50),
    -- Contacts at the start.
    contacts integer NOT NULL,
    PRIMARY KEY ("runId", zone)
);

-- The time of the run in the zones of the chunk's contacts, before which it is not fed; NULL for other runs.
ALTER TABLE campaign_chunks ADD COLUMN "zoneTime" timestamptz;
